#!/usr/bin/env python3
"""Writes wire.txt, the golden vectors of PROTOCOL.md; run it as `python3 generate.py > wire.txt`.

It shares nothing with the Rust code, on purpose: it is a second reading of the protocol. The file
holds blocks of `name: value` lines, parted by blank lines; bytes are hexadecimal, and `nil` stands
for an element that is nil.
"""

import base64
import struct

# ---- MessagePack, shortest formats ------------------------------------------------------------

NIL = b"\xc0"


def uint(n):
    if n < 1 << 7:
        return struct.pack(">B", n)
    for head, form, bits in ((0xCC, ">BB", 8), (0xCD, ">BH", 16), (0xCE, ">BI", 32), (0xCF, ">BQ", 64)):
        if n < 1 << bits:
            return struct.pack(form, head, n)
    raise ValueError(n)


def text(s):
    raw = s.encode()
    if len(raw) < 32:
        return bytes([0xA0 + len(raw)]) + raw
    return sized(0xD9, raw)


def binary(raw):
    return sized(0xC4, raw)


def sized(first, raw):
    n = len(raw)
    if n < 1 << 8:
        return struct.pack(">BB", first, n) + raw
    if n < 1 << 16:
        return struct.pack(">BH", first + 1, n) + raw
    return struct.pack(">BI", first + 2, n) + raw


def array(*items):
    n = len(items)
    return (bytes([0x90 + n]) if n < 16 else struct.pack(">BH", 0xDC, n)) + b"".join(items)


def mapping(*pairs):
    assert len(pairs) < 16
    return bytes([0x80 + len(pairs)]) + b"".join(text(k) + v for k, v in pairs)


# ---- Envelopes --------------------------------------------------------------------------------

ID = bytes.fromhex("0011223344556677" "0000000000000001")
ID2 = bytes.fromhex("ffeeddccbbaa9988" "fffffffffffffffe")
ADD = mapping(("a", uint(1)), ("b", uint(2)))


def command(call_id=ID, service="Calculator", service_version=0, method="add", arguments=ADD,
            reply_to=("Calculator.results", 1), budget_ms=10_000, key=None, idempotency_key=None,
            attempt=1, fingerprint=None, sent=None):
    address = NIL if reply_to is None else array(text(reply_to[0]), uint(reply_to[1]))
    elements = [
        uint(1), uint(1), uint(0), binary(call_id), text(service), uint(service_version),
        text(method), binary(arguments), address, uint(budget_ms),
        NIL if key is None else binary(key),
        NIL if idempotency_key is None else binary(idempotency_key),
        uint(attempt), NIL if fingerprint is None else uint(fingerprint),
    ]
    if sent is not None:
        elements += [NIL, NIL, array(*map(uint, sent))]
    fields = dict(
        call_id=call_id.hex(), service=service, service_version=service_version, method=method,
        arguments=arguments.hex(), reply_to=shown(reply_to), budget_ms=budget_ms, key=hexed(key),
        idempotency_key=hexed(idempotency_key), attempt=attempt,
        fingerprint="nil" if fingerprint is None else fingerprint,
        sent="nil" if sent is None else " ".join(map(str, sent)),
    )
    return elements, fields


def reply(call_id=ID, status=0, outcome=1, payload=None, message=None, retry_after_ms=None,
          server="desk-1", times=(0, 0), attempt=1, code=None):
    elements = [
        uint(1), uint(2), uint(0), binary(call_id), uint(status), uint(outcome),
        NIL if payload is None else binary(payload), NIL if message is None else text(message),
        NIL if retry_after_ms is None else uint(retry_after_ms), text(server),
        array(*map(uint, times)), uint(attempt),
    ]
    fields = dict(call_id=call_id.hex())
    if status in (0, 100):
        fields["body"] = "value" if status == 0 else "app"
        fields["payload"] = payload.hex()
    else:
        fields["body"] = "error"
        fields["code"] = code
        fields["outcome"] = ("NotRun", "Ran", "Unknown")[min(outcome, 2)]
        fields["message"] = message or ""
        fields["retry_after_ms"] = "nil" if retry_after_ms is None else retry_after_ms
    fields["server"] = server
    fields["queued_us"], fields["handler_us"], read_at, clock = (tuple(times) + (0, 0, 0, 0))[:4]
    fields["read_at_us"] = read_at or "nil"
    fields["clock"] = clock or "nil"
    fields["attempt"] = attempt
    return elements, fields


def cancel(call_id=ID, service="Calculator"):
    elements = [uint(1), uint(3), uint(0), binary(call_id), text(service)]
    return elements, dict(call_id=call_id.hex(), service=service)


def offsets(numbers):
    return b"".join(struct.pack(">q", n) for n in numbers)


def listed(numbers):
    return " ".join(map(str, numbers)) or "nil"


def hand_over(call_id=ID, settled=(), running=()):
    elements = [uint(1), uint(4), uint(0), binary(call_id), binary(offsets(settled)), binary(offsets(running))]
    return elements, dict(call_id=call_id.hex(), settled=listed(settled), running=listed(running))


def shown(address):
    return "nil" if address is None else f"{address[0]} {address[1]}"


def hexed(raw):
    return "nil" if raw is None else raw.hex()


# ---- Output -----------------------------------------------------------------------------------

names = set()


def block(kind, name, **fields):
    assert name not in names, name
    names.add(name)
    print(f"{kind}: {name}")
    for field, value in fields.items():
        print(f"{field}: {value}".rstrip())
    print()


def envelope(kind, name, made, **overrides):
    """One that a writer of version 1 would write, byte for byte."""
    elements, fields = made
    block(kind, name, hex=array(*elements).hex(), canonical="yes", **{**fields, **overrides})


def tolerated(kind, name, raw, fields, **overrides):
    """One that no writer of version 1 writes, and every reader reads."""
    block(kind, name, hex=raw.hex(), canonical="no", **{**fields, **overrides})


def refused(name, raw, code, call_id=None, reply_to=None):
    block("refused", name, hex=raw.hex(), code=code, call_id=hexed(call_id), reply_to=shown(reply_to))


def replaced(elements, **at):
    elements = list(elements)
    for index, raw in at.items():
        elements[int(index[1:])] = raw
    return elements


HERE = ("Calculator.results", 1)

print("# Golden vectors of wire version 1, written by generate.py. See PROTOCOL.md.\n")

# Commands.
envelope("command", "command-plain", command())
envelope("command", "command-oneway", command(method="note", arguments=mapping(("text", text("hi"))), reply_to=None))
envelope("command", "command-everything", command(
    call_id=ID2, service="Bank", service_version=3, method="deposit",
    arguments=mapping(("account", text("A-1")), ("cents", uint(250))), reply_to=("bank.replies", 2**31 - 1),
    budget_ms=2**32 - 1, key=b"A-1", idempotency_key=b"\x00\xff", attempt=7, fingerprint=2**64 - 1))
envelope("command", "command-no-arguments", command(method="ping", arguments=mapping()))
envelope("command", "command-positional-arguments", command(arguments=array(uint(1), uint(2))))
envelope("command", "command-empty-key", command(key=b""))
envelope("command", "command-unicode", command(service="Büro", method="größe"))
envelope("command", "command-str8-method", command(method="m" * 32))
envelope("command", "command-str16-method", command(method="m" * 1024))
envelope("command", "command-bin16-arguments", command(arguments=binary(b"x" * 300)))
envelope("command", "command-integer-boundaries", command(
    service_version=127, reply_to=("r", 128), budget_ms=255, attempt=256, fingerprint=65_535))
envelope("command", "command-integer-boundaries-above", command(
    service_version=65_536, reply_to=("r", 65_535), budget_ms=2**31, attempt=2**32 - 1, fingerprint=2**32))
envelope("command", "command-sent", command(sent=(1_700_000_000_123, 2, 0x12345678)))
envelope("command", "command-sent-large", command(fingerprint=1, sent=(2**64 - 1, 500, 1)))
plain, fields = command()
tolerated("command", "command-required-only", array(*plain[:10]), fields)
tolerated("command", "command-optional-nil", array(*plain[:10], NIL, NIL, NIL, NIL), fields)
tolerated("command", "command-reserved-set",
          array(*plain, uint(9), b"\xc3"), fields)
tolerated("command", "command-unknown-trailing",
          array(*plain, NIL, NIL, NIL, mapping(("x", array())), b"\xc7\x02\x05ab", text("z")), fields)
made = command(sent=(5, 6, 7))
tolerated("command", "command-sent-behind-reserved",
          array(*replaced(made[0], _14=array(array()), _15=b"\xc2")), made[1])
tolerated("command", "command-sent-more-numbers",
          array(*replaced(made[0], _16=array(uint(5), uint(6), uint(7), uint(8)))), made[1])
made = command(sent=(5, 6, 0))
tolerated("command", "command-sent-fewer-numbers", array(*replaced(made[0], _16=array(uint(5), uint(6)))), made[1])
tolerated("command", "command-long-formats",
          b"\xdd\x00\x00\x00\x0e" + b"".join(replaced(
              plain, _0=b"\xd3" + bytes(7) + b"\x01", _1=b"\xd0\x01", _2=b"\xcd\x00\x00",
              _3=b"\xc6\x00\x00\x00\x10" + ID, _4=b"\xdb\x00\x00\x00\x0aCalculator", _6=b"\xd9\x03add",
              _9=b"\xcf" + (10_000).to_bytes(8, "big"))), fields)
tolerated("command", "command-longer-reply-address",
          array(*replaced(plain, _8=array(text("Calculator.results"), uint(1), mapping()))), fields)

# Replies.
envelope("reply", "reply-value", reply(payload=uint(3), times=(120, 45)))
envelope("reply", "reply-unit", reply(payload=NIL))
envelope("reply", "reply-app-error", reply(status=100, payload=text("ByZero"), server="desk-2", attempt=2))
envelope("reply", "reply-large-times", reply(payload=uint(0), times=(2**64 - 1, 2**32), server=""))
envelope("reply", "reply-read-at", reply(payload=uint(3), times=(120, 45, 1_700_000_000_123_456)))
envelope("reply", "reply-clock", reply(payload=uint(3), times=(120, 45, 1_700_000_000_123_456, 0x12345678)))
for code, number, outcome, message in (
    ("Cancelled", 1, 2, "the caller gave up"),
    ("InvalidArgument", 3, 0, "argument b: expected i64"),
    ("DeadlineExceeded", 4, 0, ""),
    ("PermissionDenied", 7, 0, "the reply topic is not allowed"),
    ("Unimplemented", 12, 2, "no method subtract"),
    ("Internal", 13, 1, "the handler panicked"),
    ("Unavailable", 14, 0, "the server shuts down"),
    ("Unauthenticated", 16, 0, "the signature is wrong"),
    ("Disconnected", 32, 2, "the reply path lost records"),
    ("ReplyTooLarge", 33, 1, "the reply has 2000000 bytes"),
    ("BadReply", 34, 1, "the reply can't be decoded"),
):
    envelope("reply", f"reply-{code.lower()}", reply(status=number, outcome=outcome, message=message, code=code))
envelope("reply", "reply-resourceexhausted", reply(
    status=8, outcome=0, message="512 calls are at work", retry_after_ms=250, code="ResourceExhausted"))
made = reply(status=99, outcome=0, message="from the future", code="Internal")
tolerated("reply", "reply-unknown-status", array(*made[0]), made[1])
made = reply(status=2**40, outcome=17, message="from the future", code="Internal")
tolerated("reply", "reply-unknown-outcome", array(*made[0]), made[1])
made = reply(payload=uint(3))
tolerated("reply", "reply-required-only", array(*made[0][:7]), made[1], server="")
made = reply(payload=uint(3), times=(5, 6, 7, 8))
tolerated("reply", "reply-more-times",
          array(*replaced(made[0], _10=array(*map(uint, (5, 6, 7, 8, 9))))), made[1])
made = reply(payload=uint(3), times=(5, 6, 0))
tolerated("reply", "reply-read-at-zero", array(*made[0]), made[1])
made = reply(payload=uint(3), times=(5,))
tolerated("reply", "reply-fewer-times", array(*made[0]), made[1])
made = reply(payload=uint(3))
tolerated("reply", "reply-reserved-set",
          array(*made[0], mapping(("trace", text("x"))), uint(4), b"\xc2"), made[1])
made = reply(status=13, outcome=2, message=None, code="Internal")
tolerated("reply", "reply-error-without-message", array(*made[0]), made[1])
made = reply(status=13, outcome=2, code="Internal")
tolerated("reply", "reply-error-shortest", array(*made[0][:6]), made[1], server="")

# Cancels.
envelope("cancel", "cancel-plain", cancel())
envelope("cancel", "cancel-other", cancel(call_id=ID2, service="Bank"))
made = cancel()
tolerated("cancel", "cancel-unknown-trailing", array(*made[0], mapping(), NIL), made[1])

# Hand-overs.
envelope("hand_over", "hand-over-settled", hand_over(settled=(7,)))
envelope("hand_over", "hand-over-running", hand_over(call_id=ID2, running=(7, 300, 1 << 40)))
envelope("hand_over", "hand-over-both", hand_over(settled=(5, 6), running=(9,)))
made = hand_over(settled=(7,))
tolerated("hand_over", "hand-over-unknown-trailing", array(*made[0], mapping(), NIL), made[1])

# What is refused, and what is still read of it.
BAD, NEW = "InvalidArgument", "Unimplemented"
refused("refused-empty", b"", BAD)
refused("refused-json", b'{"id":1}', BAD)
refused("refused-nil", NIL, BAD)
refused("refused-map", mapping(("version", uint(1))), BAD)
refused("refused-empty-array", array(), BAD)
refused("refused-reserved-byte", b"\xc1", BAD)
refused("refused-version-2", array(*replaced(plain, _0=uint(2))), NEW, ID, HERE)
refused("refused-version-0", array(*replaced(plain, _0=uint(0))), NEW, ID, HERE)
refused("refused-version-of-other-shape", array(uint(2), uint(1), text("?")), NEW)
refused("refused-version-str", array(*replaced(plain, _0=text("1"))), BAD)
refused("refused-kind-5", array(*replaced(plain, _1=uint(5))), NEW, ID, HERE)
refused("refused-kind-5-short", array(*replaced(plain, _1=uint(5))[:4]), NEW, ID)
refused("refused-kind-negative", array(*replaced(plain, _1=b"\xff")), BAD)
refused("refused-signed-flag", array(*replaced(plain, _2=uint(1))), NEW, ID, HERE)
refused("refused-unknown-flag", array(*replaced(plain, _2=uint(1 << 40))), NEW, ID, HERE)
refused("refused-flags-nil", array(*replaced(plain, _2=NIL)), BAD, ID, HERE)
refused("refused-call-id-15-bytes", array(*replaced(plain, _3=binary(ID[:15]))), BAD)
refused("refused-call-id-str", array(*replaced(plain, _3=text("0123456789abcdef"))), BAD)
refused("refused-service-bin", array(*replaced(plain, _4=binary(b"Calculator"))), BAD, ID, HERE)
refused("refused-service-not-utf8", array(*replaced(plain, _4=b"\xa2\xc3\x28")), BAD, ID, HERE)
refused("refused-method-too-long", array(*replaced(plain, _6=text("m" * 1025))), BAD, ID, HERE)
refused("refused-arguments-map", array(*replaced(plain, _7=ADD)), BAD, ID, HERE)
refused("refused-reply-address-str", array(*replaced(plain, _8=text("Calculator.results"))), BAD, ID)
refused("refused-reply-address-short", array(*replaced(plain, _8=array(text("r")))), BAD, ID)
refused("refused-reply-topic-empty", array(*replaced(plain, _8=array(text(""), uint(0)))), BAD, ID)
refused("refused-reply-topic-too-long", array(*replaced(plain, _8=array(text("t" * 250), uint(0)))), BAD, ID)
refused("refused-reply-partition-2-31", array(*replaced(plain, _8=array(text("r"), uint(2**31)))), BAD, ID)
refused("refused-budget-too-large", array(*replaced(plain, _9=uint(2**32))), BAD, ID, HERE)
refused("refused-budget-float", array(*replaced(plain, _9=b"\xca\x3f\x80\x00\x00")), BAD, ID, HERE)
refused("refused-budget-missing", array(*plain[:9]), BAD, ID, HERE)
refused("refused-key-str", array(*replaced(plain, _10=text("A-1"))), BAD, ID, HERE)
refused("refused-key-too-long", array(*replaced(plain, _10=binary(b"k" * 1025))), BAD, ID, HERE)
refused("refused-attempt-0", array(*replaced(plain, _12=uint(0))), BAD, ID, HERE)
refused("refused-fingerprint-negative", array(*replaced(plain, _13=b"\xd0\x80")), BAD, ID, HERE)
refused("refused-sent-integer", array(*plain, NIL, NIL, uint(5)), BAD, ID, HERE)
refused("refused-sent-negative", array(*plain, NIL, NIL, array(b"\xff")), BAD, ID, HERE)
refused("refused-trailing-byte", array(*plain) + NIL, BAD, ID, HERE)
refused("refused-truncated-in-attempt", array(*replaced(plain, _12=uint(300)))[:-2], BAD, ID, HERE)
refused("refused-truncated-in-arguments", array(*plain)[:48], BAD, ID)
refused("refused-count-beyond-end", b"\x9f" + b"".join(plain), BAD, ID, HERE)
refused("refused-arguments-length-beyond-end",
        array(*replaced(plain, _7=b"\xc6\xff\xff\xff\xff")), BAD, ID)
refused("refused-deep-trailing-element", array(*plain, b"\x91" * 64 + NIL), BAD, ID, HERE)
refused("refused-deep-service", array(*replaced(plain, _4=b"\x91" * 100 + NIL)), BAD, ID, HERE)
value = reply(payload=uint(3))[0]
refused("refused-reply-payload-nil", array(*replaced(value, _6=NIL)), BAD, ID)
refused("refused-reply-payload-missing", array(*value[:6]), BAD, ID)
refused("refused-reply-outcome-nil", array(*replaced(value, _5=NIL)), BAD, ID)
refused("refused-reply-times-str", array(*replaced(value, _10=array(text("5")))), BAD, ID)
refused("refused-reply-with-address", array(*replaced(value, _4=text("?"), _8=array(text("r"), uint(0)))), BAD, ID)
refused("refused-reply-version-2", array(*replaced(value, _0=uint(2))), NEW, ID)
refused("refused-hand-over-half-an-offset",
        array(*hand_over()[0][:4], binary(bytes(12)), binary(b"")), BAD, ID)
refused("refused-cancel-service-missing", array(*cancel()[0][:4]), BAD, ID)

# The preflight on its own; `fine` is what passes.
for name, raw, verdict in (
    ("empty", b"", "Empty"),
    ("nil", NIL, "fine"),
    ("depth-64", b"\x91" * 64 + NIL, "fine"),
    ("depth-65", b"\x91" * 65 + NIL, "TooDeep"),
    ("depth-64-innermost-empty", b"\x91" * 63 + b"\x90", "fine"),
    ("depth-65-innermost-empty", b"\x91" * 64 + b"\x90", "TooDeep"),
    ("depth-65-maps", b"\x81\x01" * 65 + NIL, "TooDeep"),
    ("array32-of-4-gi", b"\xdd\xff\xff\xff\xff", "Truncated"),
    ("map32-of-4-gi", b"\xdf\xff\xff\xff\xff" + NIL, "Truncated"),
    ("nested-counts-share-bytes", b"\x93\x93\x93" + NIL * 5, "Truncated"),
    ("nested-counts-exact", b"\x93\x93\x93" + NIL * 7, "fine"),
    ("str32-beyond-end", b"\xdb\xff\xff\xff\xff", "Truncated"),
    ("ext-without-type", b"\xc7\x00", "Truncated"),
    ("ext-empty", b"\xc7\x00\x01", "fine"),
    ("fixext-16", b"\xd8\x01" + bytes(16), "fine"),
    ("float64-cut", b"\xcb" + bytes(7), "Truncated"),
    ("reserved-inside", array(NIL, b"\xc1"), "Reserved"),
    ("reserved-as-data", binary(b"\xc1"), "fine"),
    ("trailing", NIL + NIL, "Trailing"),
    ("map-odd", b"\x81" + NIL, "Truncated"),
    ("str-not-utf8", b"\xa1\xff", "fine"),
):
    block("preflight", f"preflight-{name}", hex=raw.hex(), verdict=verdict)

# ---- Deadlines ----------------------------------------------------------------------------------

CLOCK, NOW = 0x12345678, 1_700_000_000_000


def judged(name, age_ms, budget_ms=5_000, sent=None):
    """A record whose timestamp is so old, and what `sent` says: age, error, clock."""
    timestamp = 0 if age_ms is None else NOW - age_ms
    at, error, known = (timestamp or NOW), 0, False
    if sent is not None and sent[2] != 0 and sent[1] <= 500:
        at, error, known = NOW - sent[0], sent[1], sent[2] == CLOCK
    age, budget = NOW - at - error, min(budget_ms, 3_600_000)
    if -age - 2 * error > 1_000:
        verdict = "ahead"
    elif age >= budget + (0 if known else 1_000):
        verdict = "expired"
    else:
        left = budget - max(age, 0)
        verdict = f"runs {left if left > 0 else budget + 1_000 - age}"
    block("judged", name, now_ms=NOW, clock=CLOCK, timestamp_ms=timestamp, budget_ms=budget_ms,
          sent="nil" if sent is None else f"{NOW - sent[0]} {sent[1]} {sent[2]}", verdict=verdict)


judged("judged-fresh", 0)
judged("judged-within-the-allowance", 5_400)
judged("judged-at-the-end-of-the-allowance", 5_999)
judged("judged-old", 6_000)
judged("judged-slightly-ahead", -1_000)
judged("judged-ahead", -1_001)
judged("judged-without-a-time", None)
judged("judged-long-budget", 3_600_500, budget_ms=2**32 - 1)
judged("judged-known", 3_600_000, sent=(1_000, 3, CLOCK))
judged("judged-known-and-old", 0, sent=(5_003, 3, CLOCK))
judged("judged-known-and-perhaps-old", 0, sent=(5_002, 3, CLOCK))
judged("judged-known-with-a-large-error", 0, sent=(5_400, 500, CLOCK))
judged("judged-known-and-younger-than-the-error", 0, sent=(1, 30, CLOCK))
judged("judged-known-and-ahead", 0, sent=(-1_200, 3, CLOCK))
judged("judged-by-another-clock", 3_600_000, sent=(5_900, 3, CLOCK + 1))
judged("judged-by-another-clock-and-old", 0, sent=(6_100, 3, CLOCK + 1))
judged("judged-by-another-clock-and-ahead", 0, sent=(-2_000, 3, CLOCK + 1))
judged("judged-with-an-error-that-is-too-large", 0, sent=(60_000, 501, CLOCK))
judged("judged-by-no-clock", 0, sent=(60_000, 3, 0))

# ---- Call ids, partitions, fingerprints -------------------------------------------------------

block("call_id", "call-id-first", instance="0011223344556677", sequence=1, shown=ID.hex())
block("call_id", "call-id-zero", instance="00" * 8, sequence=0, shown="0" * 32)
block("call_id", "call-id-last", instance="ff" * 8, sequence=2**64 - 1, shown="f" * 32)


def murmur2(data):
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = struct.unpack_from("<I", data, at)[0] * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def signed(h):
    return h - (1 << 32) if h >> 31 else h


# These hashes are those that Kafka's own test of its Java client expects.
KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
for data, expected in KNOWN.items():
    assert signed(murmur2(data)) == expected, data
for name, data in [(f"known-{i}", data) for i, data in enumerate(KNOWN)] + [
    ("empty", b""),
    ("one-byte", b"\x80"),
    ("three-bytes", b"\xff\xfe\xfd"),
    ("high-word", b"\xff\xff\xff\xff"),
    ("integer-key", struct.pack(">q", -42)),
    ("umlaut", "größe".encode()),
]:
    h = murmur2(data)
    block("murmur2", f"murmur2-{name}", key=data.hex(), hash=signed(h),
          of_6=(h & 0x7FFFFFFF) % 6, of_12=(h & 0x7FFFFFFF) % 12)


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return h


assert fnv1a(b"foobar") == 0x85944171F73967E8  # published with the hash
for name, methods in (("none", []), ("one", ["add"]), ("two", ["divide", "add"]),
                      ("by-bytes", ["a", "B", "größe", "a1"])):
    data = b"".join(m.encode() + b"\0" for m in sorted(methods, key=str.encode))
    block("fingerprint", f"fingerprint-{name}", methods=" ".join(methods), value=fnv1a(data))

# ---- Values: how arguments, answers and errors look inside ------------------------------------

for name, raw in (
    ("unit", NIL),
    ("true", b"\xc3"),
    ("i64-minus-1", b"\xff"),
    ("i64-minus-200", b"\xd1\xff\x38"),
    ("i64-200", b"\xcc\xc8"),
    ("u64-max", b"\xcf" + b"\xff" * 8),
    ("f32-one-and-a-half", b"\xca\x3f\xc0\x00\x00"),
    ("f64-one-and-a-half", b"\xcb\x3f\xf8" + bytes(6)),
    ("char", text("ß")),
    ("string", text("hi")),
    ("none", NIL),
    ("some", uint(5)),
    ("vec", array(uint(1), uint(2))),
    ("tuple", array(uint(1), text("x"))),
    ("bytes", binary(b"\x00\xff")),
    ("map", mapping(("k", uint(1)))),
    ("struct", mapping(("x", uint(1)), ("y", NIL))),
    ("unit-struct", array()),
    ("newtype-struct", uint(5)),
    ("tuple-struct", array(uint(5), uint(6))),
    ("unit-variant", text("Unit")),
    ("newtype-variant", mapping(("Newtype", uint(5)))),
    ("tuple-variant", mapping(("Tuple", array(uint(5), uint(6))))),
    ("struct-variant", mapping(("Struct", mapping(("x", uint(5)))))),
):
    block("value", f"value-{name}", hex=raw.hex())

# ---- Notes: what is kept beside a committed offset ---------------------------------------------

A, B = b"server a", b"server b"
NOBODY = bytes(8)


def runs_of(base, unsettled):
    """Lengths of alternating runs of unsettled and settled offsets, an unsettled one first."""
    lengths, at, last = [], base, max(unsettled, default=base - 1)
    is_settled = False
    while at <= last:
        length = 0
        while at <= last and (at not in unsettled) == is_settled:
            length, at = length + 1, at + 1
        lengths.append(length)
        is_settled = not is_settled
    return b"".join(map(uint, lengths))


def bits_of(base, unsettled):
    bits = bytearray((max(unsettled) - base) // 8 + 1 if unsettled else 0)
    for n in unsettled:
        bits[(n - base) // 8] |= 1 << (n - base) % 8
    return bytes(bits)


def note(name, base, next_, unsettled=(), running=(), fresh=None):
    runs, bits = runs_of(base, unsettled), bits_of(base, unsettled)
    form, body = (0, runs) if len(runs) <= len(bits) else (1, bits)
    executors, pairs, at = [], b"", base
    for n, executor in running:
        if executor != A and executor not in executors:
            executors.append(executor)
        number = 0 if executor == A else 1 + executors.index(executor)
        pairs, at = pairs + uint(n - at) + uint(number), n
    raw = array(uint(1), binary(A), uint(next_ - base), NIL if fresh is None else uint(fresh - base),
                uint(form), binary(body), binary(b"".join(executors)), binary(pairs))
    block("note", name, base=base, metadata="kr1:" + base64.b64encode(raw).decode().rstrip("="),
          executor=A.hex(), next=next_, fresh="nil" if fresh is None else fresh, unsettled=listed(unsettled),
          running=" ".join(f"{n}={'nobody' if e == NOBODY else e.hex()}" for n, e in running) or "nil")


note("note-nothing-open", 10, 10)
note("note-one-long-call", 10, 5_000, [10], [(10, A)])
note("note-given-up", 10, 20, [10, 13, 14], [(10, A), (13, B), (14, NOBODY)], fresh=25)
note("note-of-bits", 1_000, 1_100, list(range(1_000, 1_080, 2)), [(1_002, A), (1_040, B)])
note("note-gap-at-the-beginning", 10, 15, [12], [(12, A)])
