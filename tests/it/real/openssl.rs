//! The real openssl judges our certificates.

use super::run;
use crate::support::{HOST, Setup, text};

#[tokio::test]
async fn openssl_accepts_only_what_the_authority_may_vouch_for() {
    let proxy = Setup::default().start().await;
    let home = proxy.home.path();
    let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(home.join("ca/key.pem")).unwrap()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&proxy.root, key).unwrap();
    for (name, accepted) in
        [(HOST, true), ("localhost", true), ("127.0.0.1", true), ("example.com", false), ("10.0.0.5", false)]
    {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        params.not_after = rcgen::date_time_ymd(2049, 1, 1);
        let leaf = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap();
        let path = home.join("leaf.pem");
        std::fs::write(&path, leaf.pem()).unwrap();
        let (ok, output) =
            run("openssl", &["verify", "-x509_strict", "-CAfile", text(&proxy.root_path()), text(&path)]).await;
        assert_eq!(ok, accepted, "{name}: {output}");
        assert!(accepted || output.contains("permitted subtree violation"), "{name}: {output}");
    }
}

#[tokio::test]
async fn openssl_accepts_the_leaves_that_are_served() {
    let proxy = Setup::default().start().await;
    let address = proxy.address.to_string();
    for name in [HOST, "rta.xboxlive.com", "localhost"] {
        let ca = proxy.root_path();
        let args = ["s_client", "-x509_strict", "-verify_return_error", "-connect", &address, "-servername", name];
        let args = [&args[..], &["-verify_hostname", name, "-CAfile", text(&ca), "-alpn", "h2,http/1.1"]].concat();
        let (ok, output) = run("openssl", &args).await;
        assert!(
            ok && output.contains("Verify return code: 0") && output.contains("ALPN protocol: h2"),
            "{name}: {output}"
        );
    }
}
