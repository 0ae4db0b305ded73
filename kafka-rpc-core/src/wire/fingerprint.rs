//! A number that tells whether two peers know the same methods.

/// The fingerprint of a method table: FNV-1a, 64 bits, over the names sorted by their bytes, each
/// followed by one zero byte.
///
/// It is for diagnosis alone: nothing is refused because of it. The order of `methods` has no
/// influence.
#[must_use]
#[expect(single_use_lifetimes, reason = "an elided lifetime can't stand here")]
pub fn fingerprint<'a>(methods: impl Iterator<Item = &'a str>) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut names: Vec<&str> = methods.collect();
    names.sort_unstable();
    names
        .iter()
        .flat_map(|name| name.bytes().chain([0]))
        .fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        })
}
