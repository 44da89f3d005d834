//! Messages put together from the bytes of one direction, wherever those are cut.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Header, HeaderError, Message, Opcode, mask};
use crate::dice::hex;

/// Follows the bytes of one direction.
#[derive(Debug)]
pub struct Assembly {
    /// The longest message that is kept.
    limit: usize,
    /// What has come of the next frame's head.
    head: Vec<u8>,
    frame: Option<Frame>,
    data: Option<Part>,
    control: Option<Part>,
}

/// What became of some bytes.
#[derive(Debug, Default)]
pub struct Taken {
    /// How many were taken, from the front; never none.
    pub bytes: usize,
    /// The messages that are complete with them: one, but for a message that another one cuts off.
    pub complete: Vec<Assembled>,
}

/// A message that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// All of it.
    Whole(Message),
    /// It was too long to be kept.
    Lengthy(Lengthy),
}

/// What is known of a message too long to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lengthy {
    /// What it is.
    pub opcode: Opcode,
    /// The three reserved bits of its first frame.
    pub reserved: u8,
    /// How many bytes its payload had.
    pub length: u64,
    /// SHA-256 of the payload, lower-case hex.
    pub sha256: String,
}

#[derive(Debug)]
struct Frame {
    head: Header,
    seen: u64,
}

impl Frame {
    fn left(&self) -> u64 {
        self.head.length - self.seen
    }

    fn completes(&self) -> bool {
        self.head.fin || self.head.is_control()
    }
}

/// A message of which frames are still to come.
#[derive(Debug)]
struct Part {
    opcode: Opcode,
    reserved: u8,
    payload: Vec<u8>,
    fragments: Vec<usize>,
    length: u64,
    /// In place of the payload, once it is too long.
    digest: Option<Sha256>,
}

impl Assembly {
    /// Keeps messages of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, head: Vec::new(), frame: None, data: None, control: None }
    }

    /// Takes bytes up to the end of a frame's head or of its payload, whichever comes first.
    ///
    /// # Errors
    /// The head is one no frame can have: from here on nothing can be told apart.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Taken, HeaderError> {
        match &mut self.frame {
            None => self.take_head(bytes),
            Some(frame) => {
                let count = usize::try_from(frame.left()).unwrap_or(usize::MAX).min(bytes.len());
                let (key, offset) = (frame.head.mask, (frame.seen % 4) as usize);
                frame.seen += count as u64;
                let part = if frame.head.is_control() { &mut self.control } else { &mut self.data };
                if let Some(part) = part {
                    part.extend(&bytes[..count], key, offset);
                }
                Ok(Taken { bytes: count, complete: self.end_of_frame().into_iter().collect() })
            }
        }
    }

    /// True while the bytes taken last may not go on: the message they end is not complete yet.
    pub fn holds(&self) -> bool {
        match &self.frame {
            Some(frame) => frame.completes() && self.part(frame).is_some_and(|part| part.digest.is_none()),
            None => !self.head.is_empty(),
        }
    }

    /// True when the bytes taken last were the end of a frame.
    pub fn is_between_frames(&self) -> bool {
        self.frame.is_none() && self.head.is_empty()
    }

    /// How much memory the message at hand may come to; nothing is said of small ones.
    pub fn wants(&self) -> usize {
        let Some(frame) = self.frame.as_ref().filter(|frame| !frame.head.is_control()) else {
            return 0;
        };
        match self.part(frame) {
            Some(part) if part.digest.is_none() && part.length + frame.left() > SMALL as u64 => {
                let is_only = frame.head.fin && part.fragments.is_empty();
                if is_only { usize::try_from(frame.head.length).unwrap_or(self.limit) } else { self.limit }
            }
            _ => 0,
        }
    }

    fn part(&self, frame: &Frame) -> Option<&Part> {
        if frame.head.is_control() { self.control.as_ref() } else { self.data.as_ref() }
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<Taken, HeaderError> {
        let before = self.head.len();
        let count = bytes.len().min(LONGEST_HEAD - before);
        self.head.extend_from_slice(&bytes[..count]);
        let Some((head, length)) = Header::parse(&self.head)? else {
            return Ok(Taken { bytes: count, complete: Vec::new() });
        };
        self.head.clear();
        let cut_off = self.begin(head);
        let complete = cut_off.into_iter().chain(self.end_of_frame()).collect();
        Ok(Taken { bytes: length - before, complete })
    }

    /// Begins a frame; gives back a message that another one cut off.
    fn begin(&mut self, head: Header) -> Option<Assembled> {
        let fresh = Part::new(&head);
        let mut cut_off = None;
        let (part, limit) = if head.is_control() {
            (self.control.insert(fresh), SMALL)
        } else {
            if head.opcode != 0 {
                cut_off = self.data.take().map(Part::assembled);
            }
            (self.data.get_or_insert(fresh), self.limit)
        };
        let is_long = part.length.saturating_add(head.length) > limit as u64;
        if (is_long || part.fragments.len() >= MOST_FRAGMENTS) && part.digest.is_none() {
            part.digest = Some(Sha256::new_with_prefix(&part.payload));
            part.payload = Vec::new();
            part.fragments = Vec::new();
        }
        self.frame = Some(Frame { head, seen: 0 });
        cut_off
    }

    /// The message a frame completes, if it does; nothing while bytes of it are missing.
    fn end_of_frame(&mut self) -> Option<Assembled> {
        let frame = self.frame.take_if(|frame| frame.left() == 0)?;
        let slot = if frame.head.is_control() { &mut self.control } else { &mut self.data };
        if let Some(part) = slot.as_mut().filter(|part| part.digest.is_none()) {
            part.fragments.push(usize::try_from(frame.head.length).unwrap_or(usize::MAX));
        }
        if frame.completes() { slot.take().map(Part::assembled) } else { None }
    }
}

impl Part {
    fn new(head: &Header) -> Self {
        let (opcode, reserved) = (Opcode::of(head.opcode), head.reserved);
        Self { opcode, reserved, payload: Vec::new(), fragments: Vec::new(), length: 0, digest: None }
    }

    fn extend(&mut self, bytes: &[u8], key: Option<[u8; 4]>, offset: usize) {
        self.length += bytes.len() as u64;
        let start = if self.digest.is_none() { self.payload.len() } else { 0 };
        self.payload.extend_from_slice(bytes);
        if let Some(key) = key {
            mask(&mut self.payload[start..], key, offset);
        }
        if let Some(digest) = &mut self.digest {
            digest.update(&self.payload);
            self.payload.clear();
        }
    }

    fn assembled(self) -> Assembled {
        let Self { opcode, reserved, payload, fragments, length, digest } = self;
        if let Some(digest) = digest {
            return Assembled::Lengthy(Lengthy { opcode, reserved, length, sha256: hex(&digest.finalize()) });
        }
        let fragments = if fragments.len() > 1 { fragments } else { Vec::new() };
        Assembled::Whole(Message { opcode, reserved, payload: Bytes::from(payload), fragments })
    }
}

/// What no budget is asked for, and the longest control message that is kept.
pub const SMALL: usize = 64 * 1024;

const LONGEST_HEAD: usize = 14;
/// Lengths of frames are kept as well; a message in more frames than this is known by its digest only.
const MOST_FRAGMENTS: usize = 65_536;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
        let length = payload.len() as u64;
        let head = Header { fin: first & 128 != 0, reserved: (first >> 4) & 7, opcode: first & 15, mask: key, length };
        let mut out = Vec::new();
        head.write(&mut out);
        let start = out.len();
        out.extend_from_slice(payload);
        if let Some(key) = key {
            mask(&mut out[start..], key, 0);
        }
        out
    }

    /// Everything completed, and the bytes that went on before each.
    fn assembled(assembly: &mut Assembly, pieces: &[&[u8]]) -> Vec<(usize, Assembled)> {
        let (mut complete, mut held, mut passed) = (Vec::new(), 0, 0);
        for piece in pieces {
            let mut bytes = *piece;
            while !bytes.is_empty() {
                let taken = assembly.take(bytes).unwrap();
                assert!(taken.bytes > 0);
                bytes = &bytes[taken.bytes..];
                held += taken.bytes;
                let is_complete = !taken.complete.is_empty();
                complete.extend(taken.complete.into_iter().map(|message| (passed, message)));
                if is_complete || !assembly.holds() {
                    passed += std::mem::take(&mut held);
                }
            }
        }
        complete
    }

    #[test]
    fn fragments_pass_and_the_last_frame_waits() {
        let key = Some([9, 8, 7, 6]);
        let pieces = [
            frame(0x01, b"[1,", key),
            frame(0x89, b"ping", key),
            frame(0x00, b"", key),
            frame(0x80, b"2]", key),
            frame(0xf3, b"odd", None),
            frame(0x80, b"of nothing", None),
        ];
        let bytes = pieces.concat();
        let mut text = Message::text("[1,2]");
        text.fragments = vec![3, 0, 2];
        let odd = Message { reserved: 7, ..Message::new(Opcode::Other(3), "odd") };
        let expected = [
            (pieces[0].len(), Message::new(Opcode::Ping, "ping")),
            (pieces[..3].concat().len(), text),
            (pieces[..4].concat().len(), odd),
            (pieces[..5].concat().len(), Message::new(Opcode::Other(0), "of nothing")),
        ]
        .map(|(passed, message)| (passed, Assembled::Whole(message)));
        assert_eq!(assembled(&mut Assembly::new(100), &[&bytes]), expected);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let alone = assembled(&mut Assembly::new(100), &single);
        assert_eq!(alone.iter().map(|(_, message)| message).collect::<Vec<_>>(), expected.each_ref().map(|(_, m)| m));
    }

    #[test]
    fn a_message_cut_off_by_another_is_kept_as_far_as_it_came() {
        let bytes = [frame(0x01, b"half", None), frame(0x82, b"", None)].concat();
        let kept: Vec<_> = assembled(&mut Assembly::new(100), &[&bytes]).into_iter().map(|(_, kept)| kept).collect();
        let binary = Message::new(Opcode::Binary, "");
        assert_eq!(kept, [Assembled::Whole(Message::text("half")), Assembled::Whole(binary)]);
    }

    #[test]
    fn what_is_too_long_streams_and_leaves_its_digest() {
        let long = vec![7; 300];
        let mut assembly = Assembly::new(200);
        let bytes = [frame(0x02, &long[..150], Some([1, 2, 3, 4])), frame(0x80, &long[150..], None)].concat();
        let pieces: Vec<&[u8]> = bytes.chunks(10).collect();
        let kept = assembled(&mut assembly, &pieces);
        let sha256 = hex(&Sha256::digest(&long));
        let lengthy = Lengthy { opcode: Opcode::Binary, reserved: 0, length: 300, sha256 };
        assert!(kept[0].0 > 290, "{}", kept[0].0);
        assert_eq!(kept[0].1, Assembled::Lengthy(lengthy));
    }

    #[test]
    fn only_large_messages_want_room() {
        let mut assembly = Assembly::new(1 << 20);
        let head = |first: u8, length| {
            let mut out = Vec::new();
            Header { fin: first & 128 != 0, reserved: 0, opcode: first & 15, mask: None, length }.write(&mut out);
            out
        };
        for (first, length, wants) in [(0x82, 100, 0), (0x82, 100_000, 100_000), (0x02, 100_000, 1 << 20)] {
            let mut assembly = Assembly::new(1 << 20);
            assembly.take(&head(first, length)).unwrap();
            assert_eq!(assembly.wants(), wants);
        }
        assembly.take(&head(0x82, 2 << 20)).unwrap();
        assert_eq!((assembly.wants(), assembly.holds()), (0, false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_to_the_last(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 1_usize..20) {
            let mut assembly = Assembly::new(64);
            for mut piece in bytes.chunks(cut) {
                while !piece.is_empty() {
                    let Ok(taken) = assembly.take(piece) else { return Ok(()) };
                    prop_assert!(taken.bytes > 0 && taken.bytes <= piece.len());
                    piece = &piece[taken.bytes..];
                }
            }
        }
    }
}
