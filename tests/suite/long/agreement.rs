//! Differential tests in their long form: two million URLs and 400,000 tokens.

use crate::differential::{tokens_agree_with_jose, urls_agree_with_node};

#[test]
#[ignore = "reads two million texts twice: run it with `tests/run --long`"]
fn urls() {
    urls_agree_with_node(10);
}

#[tokio::test]
#[ignore = "verifies 400,000 tokens twice: run it with `tests/run --long`"]
async fn tokens() {
    tokens_agree_with_jose(20).await;
}
