"""A played ModemManager for python-dbusmock: two modems on one network. Runs in Debian's Python.

Beside ModemManager's own methods each modem has ``crisiskit.Play``: ``Fail`` lets the next
sendings end with an error, ``Receive`` brings words or bytes, ``Set`` changes a property.
"""

# mypy: ignore-errors

from functools import partial

import dbus
from dbusmock import get_object

BUS_NAME = "org.freedesktop.ModemManager1"
MAIN_OBJ = "/org/freedesktop/ModemManager1"
MAIN_IFACE = BUS_NAME
SYSTEM_BUS = True
IS_OBJECT_MANAGER = True

MODEM = f"{BUS_NAME}.Modem"
MESSAGING = f"{MODEM}.Messaging"
SMS = f"{BUS_NAME}.Sms"
PLAY = "crisiskit.Play"
NUMBERS = ("+262639000001", "+262639000002")
STORED, RECEIVED, SENT = 1, 3, 5
SUBMIT, DELIVER, REPORT = 2, 1, 3

_count = 0


def load(mock, parameters):
    for place, number in enumerate(NUMBERS):
        path = f"{MAIN_OBJ}/Modem/{place}"
        properties = {
            "EquipmentIdentifier": f"35000000000000{place}",
            "OwnNumbers": dbus.Array([number], signature="s"),
            "State": dbus.Int32(parameters.get("state", 8)),
            "SignalQuality": dbus.Struct([dbus.UInt32(61), True], signature="ub"),
        }
        methods = [("Enable", "b", "", "self.play_set('State', dbus.Int32(8))")]
        mock.AddObject(path, MODEM, properties, methods)
        modem = get_object(path)
        modem.number, modem.texts, modem.fails = number, [], []
        for name in ("create", "list", "delete", "receive", "play_set"):
            setattr(modem, name, partial(globals()[f"_{name}"], modem))
        modem.AddMethods(
            MESSAGING,
            [
                ("List", "", "ao", "ret = self.list()"),
                ("Create", "a{sv}", "o", "ret = self.create(args[0])"),
                ("Delete", "o", "", "self.delete(args[0])"),
            ],
        )
        modem.AddProperties(MESSAGING, {"SupportedStorages": dbus.Array([], signature="u")})
        modem.AddMethods(
            PLAY,
            [
                ("Fail", "sb", "", "self.fails.append((str(args[0]), bool(args[1])))"),
                ("Receive", "sa{sv}", "", "self.receive(args[0], args[1])"),
                ("Set", "sv", "", "self.play_set(args[0], args[1])"),
            ],
        )


def _list(modem):
    return dbus.Array(modem.texts, signature="o")


def _new(modem, properties):
    global _count
    _count += 1
    path = f"{MAIN_OBJ}/SMS/{_count}"
    given = {
        "Number": "",
        "Text": "",
        "Data": dbus.Array([], signature="y"),
        "Timestamp": "",
        "MessageReference": dbus.UInt32(_count & 255),
        **properties,
    }
    modem.AddObject(path, SMS, given, [("Send", "", "", "self.send()")])
    modem.texts.append(dbus.ObjectPath(path))
    return path


def _create(modem, words):
    names = {"number": "Number", "text": "Text", "data": "Data"}
    given = {names[key]: value for key, value in words.items() if key in names}
    wants = bool(words.get("delivery-report-request", False))
    path = _new(modem, {**given, "State": dbus.UInt32(STORED), "PduType": dbus.UInt32(SUBMIT)})
    get_object(path).send = partial(_send, modem, path, wants)
    return dbus.ObjectPath(path)


def _send(modem, path, wants_report):
    message = get_object(path)
    name, delivered = modem.fails.pop(0) if modem.fails else ("", True)
    number = message.Get(SMS, "Number")
    for other in (get_object(f"{MAIN_OBJ}/Modem/{place}") for place in range(len(NUMBERS))):
        if other.number == number and delivered:
            keys = ("Text", "Data")
            _receive(other, modem.number, {key: message.Get(SMS, key) for key in keys})
    if name:
        raise dbus.exceptions.DBusException("played", name=f"{BUS_NAME}.Error.{name}")
    message.UpdateProperties(SMS, {"State": dbus.UInt32(SENT)})
    if wants_report:
        given = {"MessageReference": message.Get(SMS, "MessageReference")}
        _receive(modem, number, {**given, "DeliveryState": dbus.UInt32(0)}, REPORT)


def _receive(modem, number, words, kind=DELIVER):
    given = {"Number": number, "Timestamp": "2026-11-23T18:00:00+00", **words}
    given |= {"State": dbus.UInt32(RECEIVED), "PduType": dbus.UInt32(kind)}
    path = _new(modem, given)
    modem.EmitSignal(MESSAGING, "Added", "ob", [dbus.ObjectPath(path), True])


def _delete(modem, path):
    if path not in modem.texts:
        name = f"{BUS_NAME}.Error.Core.NotFound"
        raise dbus.exceptions.DBusException("no such message", name=name)
    modem.texts.remove(path)
    modem.RemoveObject(path)
    modem.EmitSignal(MESSAGING, "Deleted", "o", [path])


def _play_set(modem, name, value):
    modem.UpdateProperties(MODEM, {name: value})
