//! Messages of the real-time service.

use serde_json::Value;

use super::{check_guid, check_reference, check_time, check_xuid};

/// Checks one message; the end of a connection is none.
pub(in crate::scenarios) fn check_message(message: &Value, place: &str) {
    let Some(message) = message.as_array() else { return };
    let is_number = |at: usize| message.get(at).is_some_and(Value::is_u64);
    match message[0].as_u64() {
        Some(1) => {
            assert!(is_number(1) && is_number(2), "{place}: {message:?}");
            if message[2] == 0 {
                assert!(is_number(3) && message.len() == 5, "{place}: {message:?}");
                check_subscribed(&message[4], place);
            }
        }
        Some(2) => assert!(is_number(1) && is_number(2), "{place}: {message:?}"),
        Some(3) => {
            assert!(is_number(1) && message.len() == 3, "{place}: {message:?}");
            check_event(&message[2], place);
        }
        Some(4) => {}
        other => panic!("{place}: no message of the service starts with {other:?}"),
    }
}

/// XSAPI requires exactly this name.
fn check_subscribed(data: &Value, place: &str) {
    if data.is_object() {
        check_guid(&data["ConnectionId"], place);
    }
}

fn check_event(event: &Value, place: &str) {
    match event["shoulderTaps"].as_array() {
        Some(taps) => {
            check_guid(&event["ncid"], place);
            assert!(!taps.is_empty(), "{place}: no taps");
            taps.iter().for_each(|tap| check_tap(tap, place));
        }
        None => {
            check_guid(&event["id"], place);
            check_xuid(&event["invitedXuid"], place);
            check_xuid(&event["senderXuid"], place);
            check_reference(&event["sessionRef"], place);
            check_time(&event["expiration"], place);
            assert!(event["inviteInfo"].is_object(), "{place}: {event}");
        }
    }
}

fn check_tap(tap: &Value, place: &str) {
    let resource = tap["resource"].as_str().unwrap();
    assert_eq!(resource.split('~').count(), 3, "{place}: {resource}");
    assert_eq!(resource.to_lowercase(), resource, "{place}");
    assert_eq!(tap["resourceType"], "mpsd/session", "{place}");
    assert!(tap["subscription"].is_string(), "{place}: subscription");
    assert!(tap.get("changeNumber").is_none_or(Value::is_u64), "{place}: changeNumber");
    check_guid(&tap["branch"], place);
    check_time(&tap["timestamp"], place);
}
