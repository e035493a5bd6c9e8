//! Integration: the settings for TLS of the listener, and for the callers that its certificates name.

use crate::support::process::run_with;

#[tokio::test]
async fn tls_files_and_mtls_require_each_other() {
    let callers = ["--caller-identity=mtls", "--allowed-callers=spiffe://example.org/settings"];
    let files = ["--tls-certificate-file=/a", "--tls-private-key-file=/b", "--tls-client-ca-file=/c"];
    for (changes, expected) in [
        (callers.to_vec(), "--tls-certificate-file: required with --caller-identity mtls"),
        ([&callers[..], &files[..1]].concat(), "--tls-private-key-file: required with --caller-identity mtls"),
        ([&callers[..], &files[..2]].concat(), "--tls-client-ca-file: required with --caller-identity mtls"),
        ([&callers[..], &files[..]].concat(), "--tls-certificate-file: cannot use /a: No such file"),
        (
            [&callers[..], &files[..1], &["--tls-private-key-file=-----BEGIN PRIVATE KEY-----\nAAAA", files[2]]]
                .concat(),
            "--tls-private-key-file: contains PEM text instead of a file name; write it to a file, and pass its name",
        ),
        ([&callers[..1], &files[..]].concat(), "--allowed-callers: required unless --caller-identity is none"),
        (
            [&["--caller-identity=istio", "--allowed-callers="], &files[..0]].concat(),
            "--allowed-callers: required unless --caller-identity is none; expected complete SPIFFE ids",
        ),
        (files[..1].to_vec(), "--tls-certificate-file: has no effect without --caller-identity mtls"),
        (files[1..2].to_vec(), "--tls-private-key-file: has no effect without --caller-identity mtls"),
        (
            vec!["--caller-identity=istio", "--allowed-callers=spiffe://td/x", files[2]],
            "--tls-client-ca-file: has no effect without --caller-identity mtls",
        ),
    ] {
        let output = run_with(&changes, &[]).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{changes:?}: {text}");
        assert!(text.contains(expected) && text.lines().count() == 1 && !text.contains("AAAA"), "{changes:?}: {text}");
    }
}
