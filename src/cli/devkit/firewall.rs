//! The one firewall rule a kit needs on this machine.

use std::net::IpAddr;

/// What to run, as an administrator, so that a kit reaches a port here, and nobody else does.
pub(super) fn rule(system: &str, port: u16, kit: IpAddr) -> String {
    match system {
        "windows" => format!(
            "if the firewall asks or blocks, in an administrator's PowerShell:\n  \
             New-NetFirewallRule -DisplayName 'tapdeck {port}' -Direction Inbound -Action Allow -Protocol TCP \
             -LocalPort {port} -RemoteAddress {kit}\nor in an administrator's prompt:\n  \
             netsh advfirewall firewall add rule name=\"tapdeck {port}\" dir=in action=allow protocol=TCP \
             localport={port} remoteip={kit}"
        ),
        "linux" => {
            let family = if kit.is_ipv4() { "ip" } else { "ip6" };
            format!(
                "if a firewall runs here, with ufw:\n  sudo ufw allow proto tcp from {kit} to any port {port}\n\
                 or with nftables, by the names of your table and chain:\n  \
                 sudo nft add rule inet filter input {family} saddr {kit} tcp dport {port} accept"
            )
        }
        _ => format!("if a firewall runs here, let {kit} reach TCP port {port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_exactly_that_port_and_that_kit() {
        let (four, six) = ("10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap());
        let windows = rule("windows", 8888, four);
        assert!(windows.contains("-Protocol TCP -LocalPort 8888 -RemoteAddress 10.0.0.5"), "{windows}");
        assert!(windows.contains("protocol=TCP localport=8888 remoteip=10.0.0.5"), "{windows}");
        let linux = rule("linux", 9, four);
        assert!(linux.contains("ufw allow proto tcp from 10.0.0.5 to any port 9\n"), "{linux}");
        assert!(linux.contains("input ip saddr 10.0.0.5 tcp dport 9 accept"), "{linux}");
        assert!(rule("linux", 9, six).contains("ip6 saddr fd00::5 "));
        assert!(rule("macos", 9, six).contains("let fd00::5 reach TCP port 9"));
    }
}
