//! JSON in visible ASCII.
//!
//! JSON itself allows characters that end a line for some programs (U+2028), reverse the text after them (U+202E), or control
//! a terminal (U+0080 to U+009F). A person's role or id could then forge what an operator reads.

use std::{borrow::Cow, io};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The space that is reserved for a line. An audit entry with every fact has about 600 bytes.
const LINE_BYTES: usize = 768;

/// Formats a value as one line: JSON in visible ASCII, and a line break.
///
/// # Errors
/// If the value cannot be represented in JSON.
pub fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(LINE_BYTES);
    value.serialize(&mut Serializer::with_formatter(&mut line, VisibleAscii))?;
    line.push(b'\n');
    Ok(line)
}

/// Compact JSON, with each character of a string beyond visible ASCII as an escape.
struct VisibleAscii;

impl Formatter for VisibleAscii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        writer.write_all(escape(fragment).as_bytes())
    }
}

/// Escapes every character of a JSON text beyond visible ASCII. Outside strings, JSON has none but line breaks.
#[must_use]
pub fn escape(json: &str) -> Cow<'_, str> {
    if json.bytes().all(|byte| byte.is_ascii() && byte != b'\x7f') {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            escaped.push(c);
        } else {
            let mut units = [0; 2];
            escaped.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_ascii_remains_and_nothing_is_lost() {
        let text = "owner\u{202e}\u{2028}\u{85}\u{7f}\n\"é\u{1f600}";
        let json = serde_json::to_string(text).unwrap();
        let json = escape(&json);
        assert!(json.bytes().all(|byte| byte.is_ascii_graphic()), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        // Each kind alone, because a text without any is not copied.
        for (text, expected) in [("\u{7f}", r"\u007f"), ("\u{85}", r"\u0085"), ("~", "~"), ("", "")] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn line_is_the_escaped_json_and_a_line_break() {
        let value =
            serde_json::json!({"r\u{f6}le": "owner\u{202e}\u{85}\u{7f}\n\t\u{1}\\\"\u{1f600} ~", "id": [1, null, ""]});
        let line = String::from_utf8(line(&value).unwrap()).unwrap();
        assert_eq!(line, format!("{}\n", escape(&serde_json::to_string(&value).unwrap())));
    }
}
