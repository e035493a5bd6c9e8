//! What is added to each log line: the ids of the call that it is about. They are not the fields of a span, because the library
//! would format them again for each line, and count references to the span at each step of the call.

use std::{
    io::{self, Write},
    sync::Arc,
};

use super::LogFormat;
use crate::json::ascii;

tokio::task_local! {
    static CALL: Arc<CallIds>;
}

/// The ids of a call. Neither is the caller's text: one is a UUID, the other consists of hexadecimal digits.
#[derive(Debug)]
pub struct CallIds {
    /// Random, one per call.
    pub request_id: String,
    /// The distributed trace that the call belongs to, if any.
    pub trace_id: Option<String>,
}

/// Adds the ids to the log lines that a future writes.
pub fn with_ids<F: Future>(call: Arc<CallIds>, future: F) -> impl Future<Output = F::Output> {
    CALL.scope(call, future)
}

/// Passes lines on, with the ids of the current call, and with every character beyond visible ASCII escaped.
pub(super) struct Lines<W> {
    pub(super) format: LogFormat,
    pub(super) writer: W,
}

impl<W: Write> Write for Lines<W> {
    /// Takes one line: the library writes each at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = line.len();
        let end: &[u8] = match self.format {
            LogFormat::Json => b"}\n",
            LogFormat::Text => b"\n",
        };
        let mut complete;
        let line = match (CALL.try_with(Arc::clone), line.strip_suffix(end)) {
            (Ok(call), Some(start)) => {
                complete = start.to_vec();
                call.write_to(&mut complete, self.format)?;
                complete.extend_from_slice(end);
                complete.as_slice()
            }
            (_, _) => line,
        };
        self.writer.write_all(ascii::escape(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl CallIds {
    fn write_to(&self, line: &mut Vec<u8>, format: LogFormat) -> io::Result<()> {
        let Self { request_id, trace_id } = self;
        match (format, trace_id) {
            (LogFormat::Json, None) => write!(line, r#","span":{{"request_id":"{request_id}","name":"call"}}"#),
            (LogFormat::Json, Some(trace)) => {
                write!(line, r#","span":{{"request_id":"{request_id}","trace_id":"{trace}","name":"call"}}"#)
            }
            (LogFormat::Text, None) => write!(line, " request_id={request_id}"),
            (LogFormat::Text, Some(trace)) => write!(line, " request_id={request_id} trace_id={trace}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(format: LogFormat, line: &str) -> [String; 2] {
        let write = || {
            let mut lines = Lines { format, writer: Vec::new() };
            lines.write_all(line.as_bytes()).unwrap();
            String::from_utf8(lines.writer).unwrap()
        };
        let call = CallIds { request_id: "b1".to_owned(), trace_id: Some("0af7".to_owned()) };
        [write(), with_ids(Arc::new(call), async { write() }).await]
    }

    #[tokio::test]
    async fn line_about_a_call_has_its_ids_and_no_line_has_invisible_characters() {
        let [outside, inside] = written(LogFormat::Json, "{\"path\":\"/ä\u{7f}\"}\n").await;
        assert_eq!(outside, "{\"path\":\"/\\u00e4\\u007f\"}\n");
        let line: serde_json::Value = serde_json::from_str(&inside).unwrap();
        let span = serde_json::json!({"request_id": "b1", "trace_id": "0af7", "name": "call"});
        assert_eq!(line, serde_json::json!({"path": "/ä\u{7f}", "span": span}));
        assert!(inside.ends_with("}}\n") && inside.is_ascii());
        let text = ["listening\n".to_owned(), "listening request_id=b1 trace_id=0af7\n".to_owned()];
        assert_eq!(written(LogFormat::Text, "listening\n").await, text);
    }
}
