//! The requests that the documents of the Device Portal name, and no others.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Address, Credentials, Fingerprint, ProxyAt};

/// One documented request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: &'static str,
    target: String,
    upload: Option<Upload>,
}

/// A certificate as a file of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Upload {
    boundary: String,
    certificate: Vec<u8>,
}

impl Request {
    /// Asks whether the kit has a proxy: `IsProxyEnabled`.
    pub fn proxy_state() -> Self {
        Self::new("GET", FIDDLER)
    }

    /// Sets the kit's proxy, and the authority it trusts. It takes effect when the kit restarts.
    ///
    /// The certificate always goes along: the portal wants it when the kit never had one, or another machine's.
    pub fn enable(proxy: &ProxyAt, certificate: &[u8]) -> Self {
        let ProxyAt { host, port } = proxy;
        let target = format!("{FIDDLER}?proxyAddress={host}&proxyPort={port}&updateCert=true");
        Self { method: "POST", target, upload: Some(Upload::of(certificate)) }
    }

    /// Takes the kit's proxy away. It takes effect when the kit restarts.
    pub fn disable() -> Self {
        Self::new("DELETE", FIDDLER)
    }

    /// Asks for the kit's name, kind and system.
    pub fn os_info() -> Self {
        Self::new("GET", "/api/os/info")
    }

    /// Restarts the kit.
    pub fn restart() -> Self {
        Self::new("POST", "/api/control/restart")
    }

    fn new(method: &'static str, target: &str) -> Self {
        Self { method, target: target.to_owned(), upload: None }
    }

    /// The method.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The body, empty for most.
    pub fn body(&self) -> Vec<u8> {
        self.upload.as_ref().map(Upload::bytes).unwrap_or_default()
    }

    /// True when the portal wants its token with it: all but reading.
    fn is_guarded(&self) -> bool {
        self.method != "GET"
    }

    /// The header lines, with what proves who asks.
    pub(super) fn headers(
        &self,
        address: &Address,
        authorization: Option<&str>,
        csrf: Option<&str>,
    ) -> Vec<(&'static str, String)> {
        let mut lines = vec![("Host", address.to_string())];
        lines.extend(authorization.map(|value| ("Authorization", value.to_owned())));
        if self.is_guarded() {
            lines.extend(
                csrf.into_iter().flat_map(|token| {
                    [("Cookie", format!("{CSRF_COOKIE}={token}")), ("X-CSRF-Token", token.to_owned())]
                }),
            );
            if let Some(upload) = &self.upload {
                lines.push(("Content-Type", format!("multipart/form-data; boundary={}", upload.boundary)));
            }
            lines.push(("Content-Length", self.body().len().to_string()));
        }
        lines
    }

    /// The request as a dry run shows it: everything but secrets.
    pub fn shown(&self, address: &Address, user: Option<&str>) -> String {
        let authorization = user.map(|user| format!("Basic (user {user} and the password, not shown)"));
        let mut text = format!("{} https://{address}{}\n", self.method, self.target);
        for (name, value) in self.headers(address, authorization.as_deref(), Some("(as the first answer set it)")) {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        if let Some(Upload { certificate, .. }) = &self.upload {
            let (length, print) = (certificate.len(), Fingerprint::of(certificate));
            text.push_str(&format!("  one file, {FILE}: {length} bytes, a certificate with SHA-256 {print}\n"));
        }
        text
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target.split('?').next().unwrap_or_default())
    }
}

impl Upload {
    fn of(certificate: &[u8]) -> Self {
        let print: String = Fingerprint::of(certificate).to_string().replace(':', "");
        Self { boundary: format!("tapdeck-{}", &print[..32]), certificate: certificate.to_vec() }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { boundary, certificate } = self;
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{FILE}\"; filename=\"{FILE}\"\r\n\
             Content-Type: application/x-x509-ca-cert\r\n\r\n"
        );
        [head.as_bytes(), certificate, format!("\r\n--{boundary}--\r\n").as_bytes()].concat()
    }
}

impl Credentials {
    /// The value of `Authorization`.
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("{}:{}", self.user, self.password)))
    }
}

const FIDDLER: &str = "/ext/fiddler";
/// What the documents call the file, whoever's certificate is in it.
const FILE: &str = "FiddlerRoot.cer";
/// The cookie whose value must come back in `X-CSRF-Token`.
pub(super) const CSRF_COOKIE: &str = "CSRF-Token";

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        "10.0.0.5".parse().unwrap()
    }

    #[test]
    fn the_upload_is_one_file_of_a_form() {
        let proxy: ProxyAt = "10.0.0.2:8888".parse().unwrap();
        let request = Request::enable(&proxy, b"\x30\x82certificate");
        assert_eq!(request.target(), "/ext/fiddler?proxyAddress=10.0.0.2&proxyPort=8888&updateCert=true");
        let body = request.body();
        let print = Fingerprint::of(b"\x30\x82certificate").to_string().replace(':', "");
        let boundary = format!("tapdeck-{}", &print[..32]);
        let expected = [
            format!("--{boundary}\r\n").as_bytes(),
            b"Content-Disposition: form-data; name=\"FiddlerRoot.cer\"; filename=\"FiddlerRoot.cer\"\r\n",
            b"Content-Type: application/x-x509-ca-cert\r\n\r\n\x30\x82certificate\r\n",
            format!("--{boundary}--\r\n").as_bytes(),
        ]
        .concat();
        assert_eq!(body, expected);
        let headers = request.headers(&address(), None, None);
        assert!(headers.contains(&("Content-Type", format!("multipart/form-data; boundary={boundary}"))));
        assert!(headers.contains(&("Content-Length", body.len().to_string())));
    }

    #[test]
    fn only_what_changes_something_carries_the_token() {
        let names = |request: Request| -> Vec<&str> {
            request.headers(&address(), Some("Basic x"), Some("t")).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(Request::proxy_state()), ["Host", "Authorization"]);
        let guarded = ["Host", "Authorization", "Cookie", "X-CSRF-Token", "Content-Length"];
        assert_eq!(names(Request::disable()), guarded);
        assert_eq!(names(Request::restart()), guarded);
    }

    #[test]
    fn credentials_are_encoded_and_never_shown() {
        let credentials = Credentials { user: "dev".into(), password: "pässword".into() };
        assert_eq!(credentials.basic(), "Basic ZGV2OnDDpHNzd29yZA==");
        assert!(!format!("{credentials:?}").contains("ssword"));
        let shown = Request::disable().shown(&address(), Some("dev"));
        assert!(shown.starts_with("DELETE https://10.0.0.5:11443/ext/fiddler\n  Host: 10.0.0.5:11443\n"), "{shown}");
        assert!(shown.contains("user dev") && !shown.contains("ZGV2"), "{shown}");
    }
}
