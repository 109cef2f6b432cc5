#!/usr/bin/env python3
"""Checks a Rushes ledger export without the server and without any code of Rushes.

    python3 verify_ledger.py EXPORT --key 'rushes.example.com+1a2b3c4d+AZ…' [--previous CHECKPOINT_FILE]…

EXPORT is CSV, JSON or JSON lines, or - for standard input. --key may be given several times; --keys names a file with the
document of /.well-known/rushes-ledger-keys. --previous names files with checkpoints from earlier; --save writes this one's.
Exit code 0: right. 1: wrong, with the first wrong entry. 2: this program was not used rightly.

Python 3.9 or newer, standard library only. Written from docs/ledger-verification.md; numbers in brackets are its rules.
"""
import argparse
import base64
import hashlib
import json
import re
import sys

# --- Ed25519 (RFC 8032, section 5.1), verification only -----------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


def _decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _recover_x(_BASE_Y, 0)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def ed25519_verify(public_key, message, signature):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = _decompress(public_key), _decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    left, right = _multiply(s, BASE), _add(r, _multiply(h, a))
    # Projective coordinates: x/z and y/z must agree.
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- Base64, base58 -----------------------------------------------------------------------------------------------------


class Wrong(Exception):
    """Something about the export is not right."""


class Misuse(Exception):
    """The program was called with something unusable."""


def from_base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except Exception:
        return None
    return data if base64.b64encode(data).decode() == text else None


ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def to_base58(data):
    value, text = int.from_bytes(data, "big"), ""
    while value > 0:
        value, digit = divmod(value, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def from_base58(text, length):
    value = 0
    for character in text[: 2 * length]:
        if character not in ALPHABET:
            return None
        value = value * 58 + ALPHABET.index(character)
    if value >= 256**length:
        return None
    data = value.to_bytes(length, "big")
    return data if to_base58(data) == text else None


# --- The tree -----------------------------------------------------------------------------------------------------------


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    def __init__(self):
        self.stack, self.size = [], 0

    def append(self, digest, height=0):
        self.size += 1 << height
        while self.stack and self.stack[-1][0] == height:
            digest = node(self.stack.pop()[1], digest)
            height += 1
        self.stack.append((height, digest))

    def root(self):
        if not self.stack:
            return hashlib.sha256(b"").digest()
        digest = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            digest = node(left, digest)
        return digest


def subtree_heights(start, end):
    heights = []
    while start < end:
        height = 0
        while start % (2 << height) == 0 and start + (2 << height) <= end:
            height += 1
        heights.append(height)
        start += 1 << height
    return heights


FIELDS = (
    "seq kind from to amount available_after reserved_after spent_after "
    "batch_id task_index reverses_seq reason reference created_at"
).split()


def leaf_hash(account_id, entry):
    parts = [b"\x00\x01"]
    for value in [account_id] + [entry[name] for name in FIELDS]:
        if value is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            data = str(value).encode("utf-8")
            parts.append(len(data).to_bytes(4, "big") + data)
    return hashlib.sha256(b"".join(parts)).digest()


# --- Keys and checkpoints -----------------------------------------------------------------------------------------------


def parse_key(text):
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", text.strip())
    data = from_base64(match.group(3)) if match else None
    if data is None or len(data) != 33 or data[0] != 1:
        raise Misuse("%r is no ledger key" % text)
    key_hash = hashlib.sha256(match.group(1).encode() + b"\n" + data).digest()[:4]
    if key_hash.hex() != match.group(2):
        raise Misuse("the key %s was damaged" % text)
    return {"name": match.group(1), "hash": key_hash, "public": data[1:], "text": text.strip()}


ORIGIN = re.compile(r"([^\s+]+)/ledger/(acct_[1-9A-HJ-NP-Za-km-z]+)(?:/epoch-([1-9][0-9]{0,8}))?")


def open_checkpoint(text, keys, what="the checkpoint"):
    """The checkpoint in a signed note [10]."""
    body, separator, signatures = text.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise Wrong("%s is no signed note" % what)
    signed = body + "\n"
    lines = body.split("\n")
    match = ORIGIN.fullmatch(lines[0])
    root = from_base64(lines[2]) if len(lines) >= 3 else None
    if not match or not re.fullmatch(r"0|[1-9][0-9]{0,15}", lines[1]) or root is None or len(root) != 32:
        raise Wrong("%s is none" % what)
    server, account, epoch = match.group(1), match.group(2), int(match.group(3) or 1)
    good = False
    for line in signatures[:-1].split("\n"):
        parts = re.fullmatch(r"\u2014 (\S+) (\S+)", line)
        data = from_base64(parts.group(2)) if parts else None
        if data is None or len(data) <= 4:
            raise Wrong("%s has a line that is no signature" % what)
        for key in keys:
            if key["name"] == parts.group(1) == server and key["hash"] == data[:4]:
                if not ed25519_verify(key["public"], signed.encode("utf-8"), data[4:]):
                    raise Wrong("%s is forged or damaged: its signature is not over this text" % what)
                good = True
    if not good:
        raise Wrong("%s of %s is not signed by a key that you trust" % (what, lines[0]))
    return {"server": server, "account": account, "epoch": epoch, "size": int(lines[1]), "root": root, "text": text}


# --- The export ---------------------------------------------------------------------------------------------------------

NUMBERS = {"seq", "amount", "available_after", "reserved_after", "spent_after", "task_index", "reverses_seq"}


def csv_records(lines):
    """RFC 4180. Python's own reader does not tell an empty cell (null) from an empty pair of quotes (empty text)."""
    pending, number, start = "", 0, 1
    for line in lines:
        number += 1
        pending += line
        if pending.count('"') % 2:
            continue
        cells = []
        for match in re.finditer(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n?$)', pending):
            quoted, plain, end = match.groups()
            cells.append(quoted.replace('""', '"') if quoted is not None else (plain or None))
            if end != ",":
                if match.end() != len(pending):
                    raise Wrong("line %d is no CSV" % start)
                break
        else:
            raise Wrong("line %d is no CSV" % start)
        yield start, cells
        pending, start = "", number + 1
    if pending:
        raise Wrong("the file broke off inside a quoted cell in line %d" % start)


def csv_value(name, cell, line):
    if cell is None:
        return None
    if name in NUMBERS:
        return int(cell) if re.fullmatch(r"0|[1-9][0-9]{0,15}", cell) else cell
    if re.match(r"[=+\-@\t\r]", cell):
        raise Wrong("line %d: %s begins like a formula; its quote was taken away" % (line, name))
    return cell[1:] if cell.startswith("'") else cell


def read_csv(lines):
    records = csv_records(lines)
    _, columns = next(records)
    header, entries_began = {}, False
    for line, cells in records:
        name = cells[0]
        if isinstance(name, str) and name.startswith("#") and not entries_began:
            value = cells[1] if len(cells) > 1 else None
            if name == "#account":
                header["account_id"] = value
            elif name == "#checkpoint":
                header["checkpoint"] = None if value is None else base64.b64decode(value).decode("utf-8")
            else:
                header[name[1:]] = json.loads(base64.b64decode(value or ""))
            continue
        if not entries_began:
            yield header
            entries_began = True
        if len(cells) != len(columns):
            raise Wrong("line %d has %d cells instead of %d" % (line, len(cells), len(columns)))
        yield line, {column: csv_value(column, cell, line) for column, cell in zip(columns, cells)}
    if not entries_began:
        yield header


def read_export(stream):
    """The header, then (line, entry) after (line, entry)."""
    first = stream.readline()
    if not first.startswith("{"):
        yield from read_csv(iter_lines(first, stream))
        return
    try:
        header = json.loads(first)
        rows = None
    except ValueError:
        # One object: this program reads it whole. Use JSON lines or CSV for a ledger of millions.
        header = json.loads(first + stream.read())
        rows = header.pop("entries", None)
    else:
        rows = header.pop("entries", None)
    yield header
    if rows is not None:
        yield from enumerate(rows, 1)
        return
    for number, line in enumerate(stream, 2):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError:
                raise Wrong("line %d is not JSON" % number) from None


def iter_lines(first, stream):
    yield first
    yield from stream


# --- The rules ----------------------------------------------------------------------------------------------------------

MOVES = {
    "purchase": ("external", "available"),
    "grant": ("external", "available"),
    "reserve": ("available", "reserved"),
    "charge": ("reserved", "spent"),
    "refund": ("reserved", "available"),
    "forfeit": ("reserved", "spent"),
    "reversal": ("spent", "available"),
    "revoke": ("available", "external"),
}
BUCKETS = ("available", "reserved", "spent")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def is_number(value, least=0):
    return type(value) is int and least <= value <= 2**53 - 1


def is_text(value):
    return value is None or (isinstance(value, str) and not re.search("[\ud800-\udfff]", value))


class Ledger:
    def __init__(self, account_id, first):
        self.account_id, self.first, self.seq = account_id, first, first - 1
        self.balances, self.time = (dict.fromkeys(BUCKETS, 0) if first == 1 else None), ""
        self.holds, self.tasks, self.reversible, self.references = {}, {}, {}, set()

    def check(self, entry):
        """Everything that is wrong with the next entry; its leaf hash."""
        expected = self.seq + 1
        if not isinstance(entry, dict):
            return ["it is no entry"], None
        if is_number(entry.get("seq")) and entry["seq"] != expected:
            return ["entry %d stands where entry %d should be" % (entry["seq"], expected)], None
        wrong = self.check_fields(entry)
        if wrong:
            return wrong, None
        digest = leaf_hash(self.account_id, entry)
        if "leaf_hash" in entry and entry["leaf_hash"] != base64.b64encode(digest).decode():
            wrong.append("its fields are not those that its leaf_hash was made of")
        wrong += self.check_movement(entry)
        wrong += self.check_balances(entry)
        if entry["created_at"] < self.time:
            wrong.append("created_at is before that of the entry before")
        if not wrong:
            wrong += self.check_obligations(entry)
        self.seq, self.time = expected, entry["created_at"]
        return wrong, digest

    def check_fields(self, entry):
        """[1]"""
        wrong = []
        for name in FIELDS + ["task_id"]:
            if name not in entry:
                wrong.append("%s is missing" % name)
        if wrong:
            return wrong
        for name in ("seq", "amount"):
            if not is_number(entry[name], 1):
                wrong.append("%s is no whole number of 1 or more" % name)
        for name in ("available_after", "reserved_after", "spent_after"):
            if not is_number(entry[name]):
                wrong.append("%s is no whole number" % name)
        if not (entry["task_index"] is None or (is_number(entry["task_index"]) and entry["task_index"] < 1048576)):
            wrong.append("task_index is no index")
        if not (entry["reverses_seq"] is None or is_number(entry["reverses_seq"], 1)):
            wrong.append("reverses_seq is no number of an entry")
        for name in ("batch_id", "task_id", "reason", "reference"):
            if not is_text(entry[name]):
                wrong.append("%s is no text" % name)
        for name in ("kind", "from", "to"):
            if not isinstance(entry[name], str):
                wrong.append("%s is no text" % name)
        if not isinstance(entry["created_at"], str) or not TIME.fullmatch(entry["created_at"]):
            wrong.append("created_at is no time with six digits")
        return wrong or self.check_ids(entry)

    @staticmethod
    def check_ids(entry):
        batch_id, index = entry["batch_id"], entry["task_index"]
        expected = None
        if batch_id is not None:
            data = from_base58(batch_id[4:], 16) if batch_id.startswith("bat_") else None
            if data is None:
                return ["batch_id is no id of a batch"]
            if index is not None:
                expected = "tsk_" + to_base58(data + index.to_bytes(8, "big"))
        return [] if entry["task_id"] == expected else ["task_id must be %s" % expected]

    @staticmethod
    def check_movement(entry):
        """[3]"""
        kind = entry["kind"]
        if kind not in MOVES:
            return ["the kind %r is unknown" % kind]
        wrong = []
        if (entry["from"], entry["to"]) != MOVES[kind]:
            wrong.append("a %s moves credits from %s to %s" % ((kind,) + MOVES[kind]))
        of_task = kind in ("charge", "refund", "forfeit")
        for name, needed in (
            ("batch_id", of_task or kind == "reserve"),
            ("task_index", of_task),
            ("reverses_seq", kind == "reversal"),
        ):
            if (entry[name] is not None) != needed:
                wrong.append("a %s has %s %s" % (kind, "a" if needed else "no", name))
        return wrong

    def check_balances(self, entry):
        """[4]"""
        wrong, after = [], {bucket: entry[bucket + "_after"] for bucket in BUCKETS}
        change = {b: (entry["to"] == b) * entry["amount"] - (entry["from"] == b) * entry["amount"] for b in BUCKETS}
        before = self.balances or {b: after[b] - change[b] for b in BUCKETS}
        for bucket in BUCKETS:
            expected = before[bucket] + change[bucket]
            if after[bucket] != expected or expected < 0 or before[bucket] < 0:
                wrong.append("%s_after is %d and must be %d" % (bucket, after[bucket], expected))
        self.balances = after
        return wrong

    def check_obligations(self, entry):
        """[6] [7]"""
        kind, batch, amount, seq = entry["kind"], entry["batch_id"], entry["amount"], entry["seq"]
        if kind in ("purchase", "grant") and entry["reference"] is not None:
            if entry["reference"] in self.references:
                return ["its reference was there before"]
            self.references.add(entry["reference"])
        if kind == "reserve":
            if batch in self.holds:
                return ["batch %s was reserved before" % batch]
            self.holds[batch], self.tasks[batch] = amount, set()
        if kind in ("charge", "refund", "forfeit"):
            if kind != "refund":
                self.reversible[seq] = amount
            if batch not in self.holds:
                return [] if self.first > 1 else ["nothing was reserved for batch %s" % batch]
            if entry["task_index"] in self.tasks[batch]:
                return ["task %d of batch %s was resolved before" % (entry["task_index"], batch)]
            if amount > self.holds[batch]:
                return ["batch %s uses more than was reserved" % batch]
            self.tasks[batch].add(entry["task_index"])
            self.holds[batch] -= amount
        if kind == "reversal":
            reverses = entry["reverses_seq"]
            if reverses >= seq:
                return ["it reverses an entry that does not lie before it"]
            if reverses >= self.first:
                if reverses not in self.reversible:
                    return ["it reverses entry %d, which is no charge and no forfeit" % reverses]
                if amount > self.reversible[reverses]:
                    return ["it takes back more of entry %d than is left" % reverses]
                self.reversible[reverses] -= amount
        return []


def append_cover(tree, hashes, start, end):
    heights = subtree_heights(start, end)
    digests = [from_base64(text) if isinstance(text, str) else None for text in hashes]
    if len(digests) != len(heights) or any(digest is None or len(digest) != 32 for digest in digests):
        raise Wrong("the hashes of the range do not fit it")
    for digest, height in zip(digests, heights):
        tree.append(digest, height)


def verify(stream, keys, previous):
    parts = read_export(stream)
    header = next(parts)
    for name in ("account_id", "checkpoint", "previous_epochs", "range"):
        if name not in header:
            raise Wrong("%s is missing before the entries" % name)
    if header["checkpoint"] is None:
        raise Wrong("nothing is sealed yet, so nothing can be checked")
    checkpoint = open_checkpoint(header["checkpoint"], keys)
    if checkpoint["account"] != header["account_id"]:
        raise Wrong("the checkpoint is of account %s, the entries are of %s" % (checkpoint["account"], header["account_id"]))
    check_epochs(header["previous_epochs"], checkpoint, keys)
    kept = [open_checkpoint(text, keys, "the previous checkpoint") for text in previous]
    first, last = header["range"]["first"], header["range"]["last"]
    if not (is_number(first, 1) and is_number(last) and first - 1 <= last <= checkpoint["size"]):
        raise Wrong("the range is none")

    tree, ledger, roots = Tree(), Ledger(header["account_id"], first), {}
    wanted = {each["size"] for each in kept}
    append_cover(tree, header["range"]["left"], 0, first - 1)
    roots[tree.size] = tree.root()
    for place, entry in parts:
        if ledger.seq >= last:
            raise Wrong("line %d: there are more entries than the range has" % place)
        wrong, digest = ledger.check(entry)
        if wrong:
            raise Wrong("line %d, entry %d: %s" % (place, max(ledger.seq, first) if digest else ledger.seq + 1, "; ".join(wrong)))
        tree.append(digest)
        if tree.size in wanted:
            roots[tree.size] = tree.root()
    if ledger.seq != last:
        raise Wrong("entries %d to %d are missing" % (ledger.seq + 1, last))
    append_cover(tree, header["range"]["right"], last, checkpoint["size"])
    if tree.root() != checkpoint["root"]:
        raise Wrong("entries %d to %d are not the ones that the checkpoint signs" % (first, last))
    roots[checkpoint["size"]] = tree.root()
    compare(kept, checkpoint, roots)
    return checkpoint, ledger


def check_epochs(ends, checkpoint, keys):
    for number, end in enumerate(ends, 1):
        last = open_checkpoint(end["last_checkpoint"], keys, "the last checkpoint of epoch %d" % number)
        following = open_checkpoint(end["first_checkpoint"], keys, "the first checkpoint of epoch %d" % (number + 1))
        accounts = {last["account"], following["account"], checkpoint["account"]}
        if (end["epoch"], last["epoch"], following["epoch"]) != (number, number, number + 1) or len(accounts) != 1:
            raise Wrong("previous_epochs is wrong at its entry %d" % number)
    if checkpoint["epoch"] != len(ends) + 1:
        raise Wrong("the checkpoint is of epoch %d, and previous_epochs tells of %d" % (checkpoint["epoch"], len(ends)))


def compare(kept, checkpoint, roots):
    """[11]"""
    agreeing = 0
    for each in sorted(kept, key=lambda one: one["size"]):
        if (each["server"], each["account"]) != (checkpoint["server"], checkpoint["account"]):
            raise Wrong("a previous checkpoint is of another ledger")
        if each["size"] > checkpoint["size"] or each["epoch"] > checkpoint["epoch"]:
            raise Wrong("the ledger has %d entries, fewer than the %d of a previous checkpoint: it was rolled back" % (checkpoint["size"], each["size"]))
        if each["size"] not in roots:
            print("note: the previous checkpoint of %d entries cannot be compared with this bounded export" % each["size"])
        elif roots[each["size"]] != each["root"]:
            raise Wrong("history was rewritten: entries %d to %d are not those of before" % (agreeing + 1, each["size"]))
        else:
            agreeing = each["size"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("export")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--keys")
    parser.add_argument("--previous", action="append", default=[])
    parser.add_argument("--save")
    arguments = parser.parse_args()
    try:
        texts = list(arguments.key)
        if arguments.keys:
            with open(arguments.keys, encoding="utf-8") as file:
                texts += [each["key"] for each in json.load(file)["keys"]]
        keys = [parse_key(text) for text in texts]
        if not keys:
            raise Misuse("give at least one --key or --keys")
        previous = []
        for path in arguments.previous:
            with open(path, encoding="utf-8", newline="") as file:
                previous.append(file.read())
    except (Misuse, OSError, ValueError, KeyError, TypeError) as error:
        print("cannot start: %s" % error, file=sys.stderr)
        return 2
    try:
        # newline="" keeps line ends inside quoted cells; utf-8-sig passes over the mark that some programs put in front.
        source = sys.stdin.fileno() if arguments.export == "-" else arguments.export
        with open(source, encoding="utf-8-sig", newline="\n", errors="strict") as stream:
            checkpoint, ledger = verify(stream, keys, previous)
    except OSError as error:
        print("cannot read: %s" % error, file=sys.stderr)
        return 2
    except Wrong as error:
        print("WRONG: %s" % error)
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        print("WRONG: this is no export, or a damaged one (%s: %s)" % (type(error).__name__, error))
        return 1
    balances = ledger.balances or dict.fromkeys(BUCKETS, 0)
    print("RIGHT: entries %d to %d of %s at %s" % (ledger.first, ledger.seq, checkpoint["account"], checkpoint["server"]))
    print("available %(available)d, reserved %(reserved)d, spent %(spent)d" % balances)
    if arguments.save:
        with open(arguments.save, "w", encoding="utf-8", newline="") as file:
            file.write(checkpoint["text"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
