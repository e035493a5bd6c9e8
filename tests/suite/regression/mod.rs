//! Who sees the billing action on the page.

mod visibility;
