//! What a call is about, in a few characters: `session{lobby/3f2a91c0}`.

use crate::exchange::Call;
use crate::mpsd::name::is_guid;
use crate::mpsd::{Operation, ParamName};

/// What a call is about: the operation without its verb, and the names that tell it from others.
pub(super) fn of(call: &Call) -> String {
    match call.resolution.operation() {
        Some(operation) => of_operation(operation),
        None => shortened(call.request.target.split('?').next().unwrap_or_default(), LONGEST_PATH),
    }
}

fn of_operation(operation: &Operation) -> String {
    let op = operation.op.name();
    let noun = op.rsplit_once('.').map_or(op, |(noun, _)| noun);
    let telling = operation.params().filter(|(name, _)| *name != ParamName::Scid);
    let names: Vec<String> = telling.map(|(_, piece)| shortened(&piece.text, LONGEST_NAME)).collect();
    if names.is_empty() { noun.to_owned() } else { format!("{noun}{{{}}}", names.join("/")) }
}

/// The head of a name that is too long to be read; of a GUID, its first group.
fn shortened(name: &str, longest: usize) -> String {
    match name.char_indices().nth(longest) {
        Some(_) if is_guid(name) => name[..GUID_SHOWN].to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

const LONGEST_NAME: usize = 20;
const LONGEST_PATH: usize = 60;
const GUID_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::exchange::Protocol;
    use crate::message::Request;
    use crate::mpsd::Service;

    fn subject(service: Service, method: &str, target: &str) -> String {
        let request = Request { method: method.into(), target: target.into(), ..Request::default() };
        of(&Call::new(Ipv4Addr::LOCALHOST.into(), Protocol::H1, service, request))
    }

    #[test]
    fn it_is_short_and_tells_one_session_from_another() {
        let scid = "/serviceconfigs/00000000-0000-0000-0000-000060000001";
        let lobby = format!("{scid}/sessionTemplates/lobby/sessions/3f2a91c0-0000-4000-8000-000000000001");
        assert_eq!(subject(Service::Mpsd, "PUT", &lobby), "session{lobby/3f2a91c0}");
        assert_eq!(subject(Service::Mpsd, "DELETE", &format!("{lobby}/members/me")), "session.me{lobby/3f2a91c0}");
        let long = format!("{scid}/sessionTemplates/lobby/sessions/{}", "é".repeat(30));
        assert_eq!(subject(Service::Mpsd, "GET", &long), format!("session{{lobby/{}…}}", "é".repeat(20)));
        assert_eq!(subject(Service::Mpsd, "POST", "/handles"), "handle");
        assert_eq!(subject(Service::Rta, "GET", "/connect?nonce=1"), "rta");
        assert_eq!(subject(Service::Mpsd, "GET", "/nowhere?token=1"), "/nowhere");
    }
}
