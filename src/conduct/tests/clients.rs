//! Whole flows in the shape of shipping clients, hand-written from `mpsd-wire`: nobody is blamed for any step.

use super::examples::judged;
use crate::contract::Severity;
use crate::contract::example::steps;

const FLOWS: [(&str, &str); 5] = [
    ("XSAPI 2016, contract 105", include_str!("flows/xsapi-105.txt")),
    ("XSAPI, contract 107", include_str!("flows/xsapi-107.txt")),
    ("go-xsapi", include_str!("flows/go-xsapi.txt")),
    ("bedrock-portal", include_str!("flows/bedrock-portal.txt")),
    ("Broadcaster", include_str!("flows/broadcaster.txt")),
];

#[test]
fn shipping_clients_raise_no_alarm() {
    for (client, flow) in FLOWS {
        assert!(steps(flow.trim_end()).len() >= 8, "{client}");
        let alarms: Vec<String> = judged(flow.trim_end())
            .into_iter()
            .filter(|finding| finding.severity != Severity::Info)
            .map(|finding| format!("{}: {}: {}", finding.rule.id, finding.place, finding.message))
            .collect();
        assert!(alarms.is_empty(), "{client}: {alarms:#?}");
    }
}
