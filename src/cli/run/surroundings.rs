//! What the command finds in its environment: our address as its proxy, and files with whom to trust.
//!
//! docs/run.md says which program heeds which variable.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::jks;
use super::trust::Trust;
use crate::intercept::Neighbours;
use crate::mpsd::Service;
use crate::mpsd::host::is_within;

/// A variable and its value.
pub(in crate::cli) type Variable = (&'static str, OsString);

/// What the environment is made of.
pub(super) struct Surroundings<'a> {
    /// Where the proxy listens.
    pub(super) proxy: SocketAddr,
    /// Where it is controlled.
    pub(super) control: Option<SocketAddr>,
    /// What is to be trusted.
    pub(super) trust: &'a Trust,
    /// The hosts it answers for beside the contract's own.
    pub(super) neighbours: &'a Neighbours,
}

impl Surroundings<'_> {
    /// The variables to set. `of` gives the value a variable has now.
    pub(super) fn variables(&self, of: impl Fn(&str) -> Option<OsString>) -> Vec<Variable> {
        let url = OsString::from(format!("http://{}", self.proxy));
        let mut variables: Vec<Variable> = PROXIES.into_iter().map(|name| (name, url.clone())).collect();
        let direct = self.direct(of("NO_PROXY").or_else(|| of("no_proxy")));
        variables.extend(["NO_PROXY", "no_proxy"].map(|name| (name, direct.clone())));
        variables.push(("NODE_USE_ENV_PROXY", "1".into()));
        let proxied = self.java(of(JAVA));
        variables.extend(trusting(self.trust, |name| if name == JAVA { Some(proxied.clone()) } else { of(name) }));
        variables.push(("TAPDECK_PROXY", url));
        variables.extend(self.control.map(|address| ("TAPDECK_CONTROL", format!("http://{address}").into())));
        variables
    }

    /// What is reached without a proxy: this machine, and what was so before, but no host that we answer for.
    fn direct(&self, before: Option<OsString>) -> OsString {
        let before = before.unwrap_or_default();
        let before = before.to_string_lossy();
        let kept = before.split([',', ' ']).filter(|entry| !entry.is_empty() && !self.covers_ours(entry));
        let entries: Vec<&str> = HERE.into_iter().chain(kept.filter(|entry| !HERE.contains(entry))).collect();
        entries.join(",").into()
    }

    /// True for an entry that would send a host of ours past us.
    fn covers_ours(&self, entry: &str) -> bool {
        let name = entry.trim_start_matches(['*', '.']).to_lowercase();
        let name = name.split(':').next().unwrap_or_default();
        let mut contract = CONTRACT.into_iter().flat_map(Service::hosts);
        let covers = |host: &str| is_within(host, name);
        // A lone `*` is every host; an address with colons in it is none.
        let is_pattern = !entry.starts_with(':') && !entry.starts_with('[');
        is_pattern
            && (name.is_empty()
                || contract.any(|host| covers(host))
                || self.neighbours.covers(name)
                || self.neighbours.iter().any(|pattern| covers(pattern.name())))
    }

    /// The options of a Java machine, after those there are.
    fn java(&self, before: Option<OsString>) -> OsString {
        let mut options = before.unwrap_or_default();
        let (host, port) = (self.proxy.ip(), self.proxy.port());
        for scheme in ["http", "https"] {
            add(&mut options, format!("-D{scheme}.proxyHost={host}").as_ref());
            add(&mut options, format!("-D{scheme}.proxyPort={port}").as_ref());
        }
        options
    }
}

/// The variables that say whom to trust. `of` gives the value a variable has now.
pub(in crate::cli) fn trusting(trust: &Trust, of: impl Fn(&str) -> Option<OsString>) -> Vec<Variable> {
    let bundle = trust.bundle().into_os_string();
    let mut variables: Vec<Variable> = BUNDLES.into_iter().map(|name| (name, bundle.clone())).collect();
    variables.push(("NODE_EXTRA_CA_CERTS", bundle));
    variables.push((JAVA, java_trusting(trust, of(JAVA).unwrap_or_default())));
    variables.push(("TAPDECK_CA", trust.own().into_os_string()));
    variables
}

/// The options of a Java machine with a trust store, said once.
fn java_trusting(trust: &Trust, mut options: OsString) -> OsString {
    // A space would end the option.
    let quote = if trust.java().to_string_lossy().contains(char::is_whitespace) { "\"" } else { "" };
    let mut store = OsString::from(format!("-Djavax.net.ssl.trustStore={quote}"));
    store.push(trust.java());
    store.push(quote);
    if options.to_string_lossy().contains(&*store.to_string_lossy()) {
        return options;
    }
    add(&mut options, &store);
    add(&mut options, "-Djavax.net.ssl.trustStoreType=JKS".as_ref());
    add(&mut options, format!("-Djavax.net.ssl.trustStorePassword={}", jks::PASSWORD).as_ref());
    options
}

fn add(options: &mut OsString, option: &OsStr) {
    if !options.is_empty() {
        options.push(" ");
    }
    options.push(option);
}

/// Files of roots that the environment names: what is in them stays trusted.
pub(in crate::cli) fn named_roots(of: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let named: BTreeSet<PathBuf> =
        BUNDLES.into_iter().chain(["NODE_EXTRA_CA_CERTS"]).filter_map(of).map(PathBuf::from).collect();
    named.into_iter().filter(|file| file.is_file()).collect()
}

/// Programs read one spelling or the other; some read only the lower-case one for `http`.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// OpenSSL, Go, .NET and rustls; curl; Python's requests.
const BUNDLES: [&str; 3] = ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"];
/// Heard by every Java machine, the ones that build tools start as well, which `JDK_JAVA_OPTIONS` is not.
const JAVA: &str = "JAVA_TOOL_OPTIONS";
/// A test talks to its own servers without us.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const CONTRACT: [Service; 4] = [Service::Mpsd, Service::Rta, Service::SmartMatch, Service::MultiplayerActivity];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intercept::{Authority, Pattern};

    fn variables(before: &[(&str, &str)], neighbours: &[&str]) -> Vec<(&'static str, String)> {
        let home = tempfile::tempdir().unwrap();
        let trust = Trust::new(&Authority::create(home.path()).unwrap(), &[]).unwrap();
        let neighbours = neighbours.iter().map(|pattern| pattern.parse::<Pattern>().unwrap()).collect();
        let proxy = SocketAddr::from(([127, 0, 0, 1], 4321));
        let surroundings = Surroundings { proxy, control: None, trust: &trust, neighbours: &neighbours };
        let of = |name: &str| before.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        surroundings.variables(of).into_iter().map(|(name, value)| (name, value.into_string().unwrap())).collect()
    }

    fn value(variables: &[(&'static str, String)], name: &str) -> String {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap()
    }

    #[test]
    fn both_spellings_name_the_proxy() {
        let variables = variables(&[], &[]);
        for name in PROXIES.into_iter().chain(["TAPDECK_PROXY"]) {
            assert_eq!(value(&variables, name), "http://127.0.0.1:4321", "{name}");
        }
    }

    #[test]
    fn no_host_of_ours_is_reached_past_us() {
        let direct =
            |before: &str| value(&variables(&[("NO_PROXY", before)], &["api.example.com", "*.corp.test"]), "no_proxy");
        let here = "localhost,127.0.0.1,::1";
        for ours in [
            "*",
            "xboxlive.com",
            ".xboxlive.com",
            "*.xboxlive.com",
            "com",
            "SessionDirectory.XboxLive.com:443",
            "rta.xboxlive.com",
            "example.com",
            "git.corp.test",
            "localhost",
            "127.0.0.1",
            "",
        ] {
            assert_eq!(direct(ours), here, "{ours}");
        }
        for others in
            ["corp.local", "live.com", "title.xboxlive.com.evil", "10.0.0.0/8", "fe80::1", "other.example.com"]
        {
            assert_eq!(direct(others), format!("{here},{others}"));
        }
        assert_eq!(direct("a.corp, *.xboxlive.com,b.corp"), format!("{here},a.corp,b.corp"));
    }

    #[test]
    fn what_java_was_told_before_stays() {
        let options = value(&variables(&[(JAVA, "-Xmx1g")], &[]), JAVA);
        assert!(options.starts_with("-Xmx1g -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=4321 "), "{options}");
    }
}
