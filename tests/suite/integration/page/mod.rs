//! Tests of the example settings page: clicks, notices and headers.

mod clicks;
mod headers;
mod notices;
