//! The return URL of a page.

use std::hint::black_box;

use billing_portal::portal::{ReturnOrigins, ReturnUrl};

use super::Call;

pub(super) const URL: &str = "https://app.example.com/settings/billing?tab=plan&from=portal";

pub(super) fn prepare() -> Call {
    let origins = origins();
    Box::new(move || {
        black_box(ReturnUrl::parse(black_box(URL), &origins).expect("an allowed URL"));
    })
}

pub(super) fn parsed() -> ReturnUrl {
    ReturnUrl::parse(URL, &origins()).expect("an allowed URL")
}

fn origins() -> ReturnOrigins {
    let origins = ["https://app.example.de", "https://app.example.com"];
    ReturnOrigins::parse(&origins.map(str::to_owned)).expect("origins")
}
