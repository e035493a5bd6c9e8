//! Bounded storage for sessions, idempotency keys and events. Stripe also discards them, after an hour, a day and 30 days.
//! Without a bound, a load test would fill the memory within minutes.

use std::{
    borrow::Borrow,
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Maximum number of entries: more than any client reuses.
const CAPACITY: usize = 100_000;

/// A map that keeps the most recently inserted entries.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    values: HashMap<K, V>,
    /// Keys by age, oldest first, without duplicates.
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
        while self.order.len() > CAPACITY {
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

    /// Returns the values by the age of their keys.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &V> {
        self.order.iter().rev().filter_map(|key| self.values.get(key))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.values_mut()
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
    fn evicts_oldest_entry_and_keeps_age_of_replaced_entry() {
        let mut recent = Recent::default();
        for key in 0..CAPACITY {
            recent.insert(key, key);
        }
        recent.insert(0, 7);
        assert_eq!((recent.get(&0), recent.order.len()), (Some(&7), CAPACITY));
        recent.insert(CAPACITY, CAPACITY);
        assert_eq!((recent.get(&0), recent.get(&1), recent.get(&CAPACITY)), (None, Some(&1), Some(&CAPACITY)));
        assert!(recent.get_mut(&0).is_none() && recent.get_mut(&1).is_some());
        assert_eq!(recent.newest_first().take(2).copied().collect::<Vec<_>>(), [CAPACITY, CAPACITY - 1]);
        assert_eq!((recent.values.len(), recent.order.len()), (CAPACITY, CAPACITY));
    }
}
