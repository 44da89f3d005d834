//! Two networks of their own and the cable between them; gone with its owner.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The deck's machine.
pub(super) const DECK: &str = "10.0.0.1";
pub(super) const DECK_V6: &str = "fd00:77::1";
/// The client's machine, and another address it has.
pub(super) const CLIENT: &str = "10.0.0.31";
pub(super) const STRANGER: &str = "10.0.0.66";

/// Two machines and a cable.
pub(super) struct Cable {
    /// The networks' names: the deck's, then the client's.
    ends: [String; 2],
}

impl Cable {
    /// Lays a cable; `None` where nobody may.
    pub(super) fn lay() -> Option<Self> {
        static LAID: AtomicU32 = AtomicU32::new(0);
        let number = LAID.fetch_add(1, Ordering::Relaxed);
        let name = |end: char| format!("td{}-{number}{end}", std::process::id());
        let cable = Self { ends: [name('a'), name('b')] };
        if !ip(&["netns", "add", &cable.ends[0]]) {
            return None;
        }
        let [deck, client] = &cable.ends;
        let must = |args: &str| assert!(ip(&args.split(' ').collect::<Vec<_>>()), "ip {args}");
        must(&format!("netns add {client}"));
        must(&format!("-n {deck} link add lan type veth peer name lan netns {client}"));
        for (end, addresses) in [
            (deck, vec![format!("{DECK}/24"), format!("{DECK_V6}/64")]),
            (client, vec![format!("{CLIENT}/24"), format!("{STRANGER}/24"), "fd00:77::31/64".to_owned()]),
        ] {
            for address in addresses {
                let nodad = if address.contains(':') { " nodad" } else { "" };
                must(&format!("-n {end} addr add {address} dev lan{nodad}"));
            }
            must(&format!("-n {end} link set lo up"));
            must(&format!("-n {end} link set lan up"));
        }
        cable.write_hosts(0, &format!("127.0.0.1 localhost\n{DECK} home.test\n"));
        cable.name_service(false);
        Some(cable)
    }

    /// A program on the deck's machine.
    pub(super) fn at_deck(&self, program: &str) -> Command {
        within(&self.ends[0], program)
    }

    /// A program on the client's machine, with nothing of this one's settings.
    pub(super) fn at_client(&self, program: &str) -> Command {
        let mut command = within(&self.ends[1], program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Says in the client's hosts file that the deck is the service, or that it is not.
    pub(super) fn name_service(&self, is_named: bool) {
        let line = if is_named { format!("{DECK} sessiondirectory.xboxlive.com\n") } else { String::new() };
        self.write_hosts(1, &format!("127.0.0.1 localhost\n{line}"));
    }

    /// `ip netns exec` puts these files in the place of the machine's.
    fn write_hosts(&self, end: usize, hosts: &str) {
        let folder = self.settings(end);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("hosts"), hosts).unwrap();
    }

    fn settings(&self, end: usize) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.ends[end])
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for (end, name) in self.ends.iter().enumerate() {
            ip(&["netns", "del", name]);
            let _ = fs::remove_dir_all(self.settings(end));
        }
        // Only when nobody else has settings there.
        let _ = fs::remove_dir("/etc/netns");
    }
}

fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).output().is_ok_and(|ran| ran.status.success())
}

fn within(network: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", network, program]);
    command
}
