//! When something held, between events that the test has seen. No bound is a duration, so a slow machine only makes periods longer.

use std::{sync::Mutex, time::Instant};

/// The time between two events.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: Instant,
    pub(super) until: Instant,
}

/// A value and the period in which it may have held.
struct Period<T> {
    value: T,
    /// Before the change to this value was made.
    from: Instant,
    /// After the change to the next value has taken effect; `None` if it is not known to.
    until: Option<Instant>,
}

/// All values of one thing, in order. Two of them may hold while one changes to the other.
pub(super) struct Timeline<T>(Mutex<Vec<Period<T>>>);

impl<T: Copy> Timeline<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(vec![Period { value, from: Instant::now(), until: None }]))
    }

    /// Records that a change is about to be made. The one before has taken effect.
    pub(super) fn begin(&self, value: T) {
        self.0.lock().unwrap().push(Period { value, from: Instant::now(), until: None });
    }

    /// Records that the latest change has taken effect.
    pub(super) fn end(&self) {
        if let [.., previous, _] = &mut self.0.lock().unwrap()[..] {
            previous.until = Some(Instant::now());
        }
    }

    /// Returns the latest value, which may not have taken effect yet.
    pub(super) fn latest(&self) -> T {
        self.0.lock().unwrap().last().unwrap().value
    }

    /// Returns the values that may have held at some moment of a span, the latest one first.
    pub(super) fn possible(&self, span: Span) -> Vec<T> {
        let periods = self.0.lock().unwrap();
        let recent = periods.iter().rev().take_while(|period| period.until.is_none_or(|until| until >= span.from));
        recent.filter(|period| period.from <= span.until).map(|period| period.value).collect()
    }
}
