//! What the page says, as HTML that the browser of a console shows, and as plain text.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::super::authority::PASSWORD;
use super::super::session::Session;
use super::super::{Guest, Reverse};
use crate::engine::Foreign;
use crate::mpsd::Service;

/// What a table is called, its columns, its lines, and how many are left out.
type Table = (&'static str, &'static [&'static str], Vec<Vec<String>>, usize);

/// Everything the page says.
pub(super) struct Page {
    pub(super) about: String,
    /// Where the client came to.
    pub(super) here: SocketAddr,
    /// Where requests to that address go.
    pub(super) reverse: Option<String>,
    pub(super) fingerprint: String,
    pub(super) so_far: String,
    /// Who came, unless that is none of the reader's business.
    pub(super) guests: Option<Vec<(IpAddr, Guest)>>,
    /// The other hosts that were asked for most, and how many there are besides; nothing for a stranger.
    pub(super) elsewhere: (Vec<Foreign>, usize),
    /// Where a client is found that its hosts file leads here.
    pub(super) straight: Option<IpAddr>,
    pub(super) now: Instant,
}

impl Page {
    /// The page for the client of a connection; a stranger does not learn who else came.
    pub(super) fn of(session: &Session, is_stranger: bool) -> Self {
        let door = &session.door;
        let engine = session.engine();
        let so_far = match &engine {
            None => "nothing is played for you yet".to_owned(),
            Some(engine) => {
                let tallied = engine.watch().tallied();
                format!("{} calls, {} errors, {} warnings", tallied.calls, tallied.errors, tallied.warnings)
            }
        };
        let elsewhere =
            engine.filter(|_| !is_stranger).map(|engine| engine.watch().elsewhere().busiest(MOST_ELSEWHERE));
        Self {
            about: door.about.clone(),
            here: session.here,
            reverse: door.reverse.as_ref().map(Reverse::to_string),
            fingerprint: door.authority.fingerprint(),
            so_far,
            guests: (!is_stranger).then(|| door.arrivals.all()),
            elsewhere: elsewhere.unwrap_or_default(),
            straight: door.beside(session.here, |port| port == 443).map(|own| own.ip()),
            now: Instant::now(),
        }
    }

    /// Each way in: what it is called, and what to set.
    fn ways(&self) -> Vec<(&'static str, String)> {
        let (here, ip) = (self.here, self.here.ip());
        let mut ways = vec![
            ("a proxy in the settings of a console, a system or a game", format!("host {ip}, port {}", here.port())),
            ("a proxy in the environment", format!("HTTPS_PROXY=http://{here} HTTP_PROXY=http://{here}")),
        ];
        if let Some(service) = &self.reverse {
            ways.push(("plain HTTP in place of the service's address", format!("http://{here} stands for {service}")));
        }
        let names: Vec<&str> = SERVICES.iter().flat_map(|service| service.hosts()).copied().collect();
        let names = names.join(" ");
        ways.push(match self.straight {
            Some(ip) => ("a line in the hosts file of the client", format!("{ip} {names}")),
            None => {
                ("a hosts file needs another listener, on port 443", format!("--listen {}", SocketAddr::new(ip, 443)))
            }
        });
        ways
    }

    /// How clients are told to trust the certificate, once they have it.
    fn trust() -> Vec<(&'static str, String)> {
        let java = "-Djavax.net.ssl.trustStore=tapdeck-ca.p12 -Djavax.net.ssl.trustStorePassword=";
        let env =
            |names: &[&str]| names.iter().map(|name| format!("{name}=tapdeck-ca.pem")).collect::<Vec<_>>().join(" ");
        vec![
            ("curl", "curl --cacert tapdeck-ca.pem …".to_owned()),
            ("Node, beside what it trusts", env(&["NODE_EXTRA_CA_CERTS"])),
            ("Windows", "certutil -user -addstore Root tapdeck-ca.cer".to_owned()),
            ("Java; it trusts nobody else then", format!("java {java}{PASSWORD} …")),
            (
                "Python, and others with OpenSSL; they trust nobody else then",
                env(&["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]),
            ),
        ]
    }

    /// A client's line: who it is, its counts, and what it did last.
    fn row(&self, address: IpAddr, guest: &Guest) -> [String; 8] {
        [
            address.to_string(),
            guest.name.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            guest.connections.to_string(),
            guest.calls.to_string(),
            guest.tunnels.to_string(),
            guest.refused.to_string(),
            guest.failed.to_string(),
            format!("{}, {}", guest.last, ago(self.now.saturating_duration_since(guest.at))),
        ]
    }

    /// Who came, and where else they went.
    fn tables(&self) -> Vec<Table> {
        let mut tables = Vec::new();
        if let Some(guests) = &self.guests {
            let rows = guests.iter().take(MOST_ROWS).map(|(address, guest)| self.row(*address, guest).to_vec());
            let more = guests.len().saturating_sub(MOST_ROWS);
            tables.push(("Who came so far", COLUMNS.as_slice(), rows.collect(), more));
        }
        let (hosts, more) = &self.elsewhere;
        if !hosts.is_empty() {
            let row = |host: &Foreign| vec![host.host.clone(), host.tunnels.to_string(), host.refused.to_string()];
            tables.push(("Other hosts", FOREIGN.as_slice(), hosts.iter().map(row).collect(), *more));
        }
        tables
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!("tapdeck {VERSION}\n{}\n{}\n\nWays in\n", self.about, self.so_far);
        for (what, how) in self.ways() {
            out.push_str(&format!("  {what}\n    {how}\n"));
        }
        out.push_str(&format!("\nThe certificate to trust\n  SHA-256 {}\n", self.fingerprint));
        for (name, what) in FILES {
            out.push_str(&format!("  http://{}/tapdeck/{name}  {what}\n", self.here));
        }
        for (what, how) in Self::trust() {
            out.push_str(&format!("  {what}\n    {how}\n"));
        }
        for (name, columns, rows, more) in self.tables() {
            out.push_str(&format!("\n{name}\n"));
            let head = columns.iter().map(|&column| column.to_owned()).collect();
            let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
            let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or_default();
            let widths: Vec<usize> = (0..columns.len()).map(width).collect();
            for line in &lines {
                let cells: Vec<String> =
                    line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
                out.push_str(&format!("  {}\n", cells.join("  ").trim_end()));
            }
            left_out(more).into_iter().for_each(|more| out.push_str(&format!("  {more}\n")));
        }
        out
    }

    pub(super) fn html(&self) -> String {
        let pairs = |pairs: &[(&str, String)]| -> String {
            let row =
                |(what, how): &(&str, String)| format!("<dt>{}</dt><dd><code>{}</code></dd>\n", safe(what), safe(how));
            pairs.iter().map(row).collect()
        };
        let files: String = FILES
            .iter()
            .map(|(name, what)| format!("<li><a href=\"/tapdeck/{name}\">{name}</a> {what}</li>\n"))
            .collect();
        let tables: String = self.tables().iter().map(table).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>tapdeck</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style></head>\
             <body>\n<h1>tapdeck {VERSION}</h1>\n<p>{}</p>\n<p>{}</p>\n<h2>Ways in</h2>\n<dl>{}</dl>\n\
             <h2>The certificate to trust</h2>\n<ul>{files}</ul>\n<p>SHA-256 <code>{}</code></p>\n<dl>{}</dl>\n\
             {tables}</body></html>\n",
            safe(&self.about),
            safe(&self.so_far),
            pairs(&self.ways()),
            safe(&self.fingerprint),
            pairs(&Self::trust()),
        )
    }
}

/// A table as HTML.
fn table((name, columns, rows, more): &Table) -> String {
    let line = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
        let cells: String = cells.map(|cell| format!("<{tag}>{}</{tag}>", safe(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = rows.iter().map(|row| line("td", &mut row.iter().map(String::as_str))).collect();
    let (head, more) = (line("th", &mut columns.iter().copied()), left_out(*more).unwrap_or_default());
    format!("<h2>{name}</h2>\n<table>\n{head}{rows}</table>\n<p>{more}</p>\n")
}

/// How many have no line.
fn left_out(more: usize) -> Option<String> {
    (more > 0).then(|| format!("and {more} more"))
}

fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7200 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3600),
    }
}

/// A text that HTML takes for nothing but text.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
const COLUMNS: [&str; 8] = ["address", "player", "connections", "calls", "unread", "refused", "failed TLS", "last"];
const FOREIGN: [&str; 3] = ["host", "unread", "refused"];
/// The forms of the certificate.
const FILES: [(&str, &str); 3] = [
    ("ca.pem", "for Linux, macOS and most programs"),
    ("ca.cer", "for Windows, consoles and phones"),
    ("ca.p12", "for Java"),
];
const SERVICES: [Service; 4] = [Service::Mpsd, Service::Rta, Service::SmartMatch, Service::MultiplayerActivity];
const MOST_ROWS: usize = 200;
/// Other hosts that are listed.
const MOST_ELSEWHERE: usize = 20;
const STYLE: &str = "body{font-family:sans-serif;margin:2em;max-width:70em}dt{margin-top:.5em}\
                     code{word-break:break-all}td,th{text-align:left;padding:.2em .8em .2em 0;vertical-align:top}";

#[cfg(test)]
mod tests {
    use super::super::super::Event;
    use super::*;

    fn page(port: u16, host: &str) -> Page {
        let now = Instant::now();
        let guest = Guest {
            name: Some("host".parse().unwrap()),
            connections: 3,
            calls: 21,
            tunnels: 4,
            failed: 1,
            last: Event::Tunnelled { host: host.to_owned() },
            ..Guest::new(now)
        };
        Page {
            about: "recording <it>".to_owned(),
            here: SocketAddr::new("10.0.0.1".parse().unwrap(), port),
            reverse: None,
            fingerprint: "AB:CD".to_owned(),
            so_far: "21 calls".to_owned(),
            guests: Some(vec![("10.0.0.31".parse().unwrap(), guest)]),
            elsewhere: (vec![Foreign { host: host.to_owned(), tunnels: 4, refused: 1 }], 7),
            straight: None,
            now: now + Duration::from_secs(90),
        }
    }

    #[test]
    fn nothing_a_client_sent_is_markup() {
        let html = page(8888, "<script>alert('1')</script>&\"").html();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(&#39;1&#39;)"), "{html}");
        assert_eq!(html.matches("&lt;script&gt;").count(), 2, "among who came, and among the hosts: {html}");
        assert!(html.contains("recording &lt;it&gt;"), "{html}");
        assert!(!html.contains("http-equiv") && !html.contains("src="), "nothing comes from elsewhere: {html}");
    }

    #[test]
    fn a_stranger_does_not_learn_who_came() {
        let page = Page { guests: None, elsewhere: Default::default(), ..page(8888, "login.live.com") };
        for told in [page.text(), page.html()] {
            assert!(told.contains("ca.pem") && !told.contains("Who came") && !told.contains("10.0.0.31"), "{told}");
        }
    }

    #[test]
    fn it_says_who_came_and_how_to_come() {
        let text = page(8888, "login.live.com").text();
        for part in [
            "host 10.0.0.1, port 8888",
            "--listen 10.0.0.1:443",
            "http://10.0.0.1:8888/tapdeck/ca.cer",
            "10.0.0.31  host    3            21     4       0        1           reached login.live.com",
            "90 s ago",
            "Other hosts",
            "login.live.com  4       1",
            "and 7 more",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = Page { straight: "10.0.0.1".parse().ok(), ..page(8888, "login.live.com") }.text();
        assert!(!text.contains("--listen"), "{text}");
        assert!(text.contains("10.0.0.1 sessiondirectory.xboxlive.com rta.xboxlive.com"), "{text}");
    }
}
