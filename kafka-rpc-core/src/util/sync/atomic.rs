//! Atomics for models: `loom` takes `SeqCst` for `AcqRel`, so fences say what it means.

pub(crate) use std::sync::atomic::Ordering;

use loom::sync::atomic;

fn fence(order: Ordering) {
    if order == Ordering::SeqCst {
        atomic::fence(Ordering::SeqCst);
    }
}

macro_rules! wrap {
    ($($name:ident($value:ty): $($method:ident)*;)*) => {$(
        #[derive(Debug, Default)]
        pub(crate) struct $name(atomic::$name);

        #[allow(dead_code)] // Each has the same methods, and not all are called.
        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                fence(order);
                let value = self.0.load(order);
                fence(order);
                value
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                fence(order);
                self.0.store(value, order);
                fence(order);
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                fence(success);
                let result = self.0.compare_exchange(current, new, success, failure);
                fence(success);
                result
            }

            pub(crate) fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                fence(success);
                let result = self.0.fetch_update(success, failure, update);
                fence(success);
                result
            }

            $(pub(crate) fn $method(&self, value: $value, order: Ordering) -> $value {
                fence(order);
                let before = self.0.$method(value, order);
                fence(order);
                before
            })*
        }
    )*};
}

wrap! {
    AtomicBool(bool): swap;
    AtomicU8(u8): swap;
    AtomicU64(u64): swap fetch_add fetch_sub fetch_max fetch_min;
    AtomicI64(i64): swap fetch_add fetch_sub fetch_max fetch_min;
    AtomicUsize(usize): swap fetch_add fetch_sub fetch_max fetch_min;
}
