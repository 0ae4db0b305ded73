//! Which librdkafka this is.

use std::ffi::CStr;
use std::sync::Once;

use rdkafka_sys::bindings::{rd_kafka_version, rd_kafka_version_str};

/// The version of librdkafka that everything here is tested with, major and minor. What is read from
/// its source, beyond what its header promises, is that of this version.
const TESTED: (u32, u32) = (2, 12);

/// Logs once a process if another librdkafka is linked than the tested one, as a system's own may be.
pub(in crate::transport::kafka) fn warn_if_untested() {
    static LOGGED: Once = Once::new();
    LOGGED.call_once(|| {
        // SAFETY: it reads a constant.
        let version = major_and_minor(unsafe { rd_kafka_version() }.cast_unsigned());
        if version != TESTED {
            // SAFETY: the text is static and ends with a zero byte.
            let text = unsafe { CStr::from_ptr(rd_kafka_version_str()) };
            let (major, minor) = TESTED;
            tracing::warn!(
                target: "kafka_rpc::librdkafka",
                version = %text.to_string_lossy(),
                "librdkafka is untested in this version; kafka-rpc is tested with {major}.{minor}"
            );
        }
    });
}

/// Of a version as librdkafka writes it: `0xMMmmrrxx`.
const fn major_and_minor(version: u32) -> (u32, u32) {
    (version >> 24, version >> 16 & 0xff)
}

#[cfg(test)]
mod tests {
    use rdkafka_sys::bindings::RD_KAFKA_VERSION;

    use super::*;

    #[test]
    fn the_version_that_is_built_with_is_the_tested_one() {
        assert_eq!(major_and_minor(0x020c_01ff), (2, 12));
        assert_eq!(major_and_minor(RD_KAFKA_VERSION.cast_unsigned()), TESTED);
    }
}
