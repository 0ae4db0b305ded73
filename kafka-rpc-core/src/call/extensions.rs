//! Values of any type that travel with a request, each found by its type.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;

/// At most one value of each type. It takes memory only once it has one.
#[derive(Clone, Default)]
pub(crate) struct Extensions(Option<Box<Values>>);

type Values = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

impl Extensions {
    /// Puts `value` in, in the place of one of its type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0
            .get_or_insert_default()
            .insert(TypeId::of::<T>(), Arc::new(value));
    }

    /// The value of this type.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.as_ref()?.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |values| values.len());
        write!(f, "Extensions({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_type() {
        let mut extensions = Extensions::default();
        assert_eq!(extensions.get::<u32>(), None);
        extensions.insert(1_u32);
        extensions.insert("text");
        extensions.insert(2_u32);
        let copy = extensions.clone();
        extensions.insert(3_u32);
        assert_eq!(copy.get::<u32>(), Some(&2));
        assert_eq!(extensions.get::<u32>(), Some(&3));
        assert_eq!(extensions.get::<&str>(), Some(&"text"));
    }
}
