//! SmartMatch.

use serde_json::Value;
use tapdeck::mpsd::Op;

use super::{check_guid, check_reference};

/// Checks an answer of SmartMatch.
pub(super) fn check(op: Op, document: &Value, place: &str) {
    match op {
        Op::TicketCreate => {
            check_guid(&document["ticketId"], place);
            assert!(document["waitTime"].is_u64(), "{place}: waitTime");
        }
        Op::TicketGet => check_ticket(document, place),
        Op::HopperStats => {
            assert!(document["name"].is_string(), "{place}: XSAPI reads `name`");
            for name in ["waitTime", "population"] {
                assert!(document[name].is_u64(), "{place}: {name}");
            }
        }
        _ => {}
    }
}

fn check_ticket(ticket: &Value, place: &str) {
    let status = ticket["ticketStatus"].as_str().unwrap_or_default();
    assert!(matches!(status, "searching" | "found" | "expired" | "canceled"), "{place}: {status}");
    assert!(ticket["waitTime"].is_u64(), "{place}: waitTime");
    assert!(matches!(ticket["preserveSession"].as_str(), Some("always" | "never")), "{place}: preserveSession");
    check_reference(&ticket["ticketSessionRef"], place);
    assert!(ticket["ticketAttributes"].is_object() && ticket["players"].is_array(), "{place}: {ticket}");
    if status == "found" {
        check_reference(&ticket["targetSessionRef"], place);
    }
}
