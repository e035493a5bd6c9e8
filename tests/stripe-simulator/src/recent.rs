//! What an account does not remember for ever: Stripe forgets sessions within the hour and idempotency keys after a day,
//! and a load would fill the memory in minutes.

use std::{
    borrow::Borrow,
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// More than any client comes back to.
const KEPT: usize = 100_000;

/// A map that holds what was inserted last.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    values: HashMap<K, V>,
    /// The oldest first; each key once.
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.values.get(key)
    }

    pub(crate) fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.values.get_mut(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first_and_what_is_replaced_keeps_its_age() {
        let mut recent = Recent::default();
        for key in 0..KEPT {
            recent.insert(key, key);
        }
        recent.insert(0, 7);
        assert_eq!((recent.get(&0), recent.order.len()), (Some(&7), KEPT));
        recent.insert(KEPT, KEPT);
        assert_eq!((recent.get(&0), recent.get(&1), recent.get(&KEPT)), (None, Some(&1), Some(&KEPT)));
        assert!(recent.get_mut(&0).is_none() && recent.get_mut(&1).is_some());
        assert_eq!((recent.values.len(), recent.order.len()), (KEPT, KEPT));
    }
}
