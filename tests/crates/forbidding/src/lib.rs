//! A service in a crate that forbids unsafe code, every group of lints of clippy, and those of
//! rustc: whatever the attribute writes can't allow itself anything.

#![forbid(
    unsafe_code,
    warnings,
    future_incompatible,
    nonstandard_style,
    refining_impl_trait,
    rust_2018_idioms,
    rust_2021_compatibility,
    rust_2024_compatibility,
    unused,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    unnameable_types,
    clippy::all,
    clippy::cargo,
    clippy::complexity,
    clippy::correctness,
    clippy::nursery,
    clippy::pedantic,
    clippy::perf,
    clippy::style,
    clippy::suspicious,
    // Of `restriction`, which clippy doesn't want to see as a whole, what generated code might meet.
    clippy::absolute_paths,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::clone_on_ref_ptr,
    clippy::default_numeric_fallback,
    clippy::else_if_without_else,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::expect_used,
    clippy::if_then_some_else_none,
    clippy::indexing_slicing,
    clippy::map_err_ignore,
    clippy::missing_assert_message,
    clippy::multiple_inherent_impl,
    clippy::panic,
    clippy::partial_pub_fields,
    clippy::pattern_type_mismatch,
    clippy::question_mark_used,
    clippy::redundant_type_annotations,
    clippy::same_name_method,
    clippy::semicolon_inside_block,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::single_char_lifetime_names,
    clippy::std_instead_of_core,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

const fn nothing() -> String {
    String::new()
}

/// A service with some of everything.
#[kafka_rpc::service(name = "strict", version = 1)]
pub trait Strict {
    /// Returns a value.
    async fn value(&self, a: u8, b: String) -> Vec<u64>;

    /// Returns a result.
    #[rpc(timeout = "1s", key = account, idempotent)]
    async fn result(&self, account: String, cents: u64) -> Result<u64, String>;

    /// Returns nothing.
    #[rpc(oneway)]
    async fn note(&self, #[serde(default)] text: String);

    /// Takes what may be left out, or left away.
    async fn evolved(
        &self,
        #[cfg(any())] gone: u8,
        #[serde(default = "nothing", skip_serializing_if = "String::is_empty")] later: String,
    ) -> u8;

    /// Takes much.
    async fn large(&self, bytes: [u8; 4096]) -> Option<(u8, u8)>;

    /// Does by itself.
    async fn provided(&self, a: String) -> u8 {
        self.evolved(a).await
    }
}

#[kafka_rpc::service]
trait Private {
    async fn unused(&self);
}

#[kafka_rpc::service(compact)]
pub(crate) trait Crate {
    async fn m(&self, a: u8, b: u8) -> u8;
}
