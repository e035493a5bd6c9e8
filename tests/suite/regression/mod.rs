//! Regression tests of who sees the billing action on the page.

mod visibility;
