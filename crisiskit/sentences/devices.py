"""Serial devices and the settings of links, in words: what they may be, what a key is asked for."""

from __future__ import annotations

from crisiskit.mark import N_

ROLES = {
    "sbd": N_("Iridium SBD modem (9602, 9603, RockBLOCK)"),
    "imt": N_("Iridium IMT modem (RockBLOCK 9704)"),
    "gsm": N_("modem of the mobile network"),
    "tnc": N_("packet radio modem (TNC)"),
    "line": N_("radio modem or cable to another station"),
    "gps": N_("satellite receiver (GPS)"),
    "lora": N_("board with a LoRa radio, or another small computer"),
}
REASONS = {
    "answered": N_("it answered: {detail}"),
    "heard": N_("it was heard to speak {detail}"),
    "usb_text": N_("it calls itself {detail}"),
    "usb_id": N_("its USB number is that of {detail}"),
}

# One line for each kind of ours; a link of others says it by the docstring of its module.
KINDS = {
    "ax25": N_("packet radio: AX.25 over a KISS modem or Dire Wolf"),
    "cloudloop": N_("at a center: Cloudloop, for Iridium SBD and IMT modems"),
    "directip": N_("at a center: the Iridium gateway by DirectIP"),
    "folder": N_("a USB stick, a shared folder, a courier"),
    "imt": N_("Iridium IMT by a RockBLOCK 9704"),
    "neighbours": N_("other stations on the same local network, found by themselves"),
    "sbd": N_("Iridium SBD by a 9602, 9603 or RockBLOCK modem"),
    "serial": N_("a cable or a radio modem on a serial port"),
    "sms": N_("short messages of the mobile network"),
    "tcp": N_("a network: this station calls the center"),
    "tcp-listen": N_("a network: this center is called"),
    "webhook": N_("at a center: Ground Control's web service for RockBLOCK modems"),
    "wss": N_("HTTPS: this station calls through networks with web pages only"),
    "wss-listen": N_("HTTPS: this center is called through networks with web pages only"),
}

# What is asked for a key; "KIND.KEY" goes before "KEY".
KEYS = {
    "port": N_("Number of the port"),
    "host": N_("Name or address of the center"),
    "bind": N_("Address to listen on (0.0.0.0: every network here)"),
    "url": N_("Address of the center, beginning with https://"),
    "pin": N_("Pin of its key, as “crisiskit doctor” shows it at the center (sha256/...)"),
    "certificate": N_("File with the certificate (PEM)"),
    "key": N_("File with its key (PEM)"),
    "gateway_host": N_("Name or address of the gateway"),
    "gateway_port": N_("Port of the gateway"),
    "key_file": N_("File with the public key of the service"),
    "credentials_file": N_("File with user name and password, a line each, for you alone"),
    "path_secret_file": N_("File with the secret last part of the path, for you alone"),
    "token_file": N_("File with the token of the account, for you alone"),
    "network": N_("Network of the modems: sbd or imt"),
    "call": N_("Your call sign, with SSID if wanted, like F4XYZ-7"),
    "destination": N_("Call sign of the center (none if this is the center)"),
    "band": N_("Band: amateur, where nothing is encrypted, or licensed, one of your own"),
    "tcp": N_("Or where the modem is on the network, HOST:PORT, like 127.0.0.1:8001"),
    "baud": N_("Speed of the port in baud"),
    "credit_bytes": N_("Bytes for which a credit is charged"),
    "modem": N_("Or a modem by ModemManager: auto, or its IMEI"),
    "center": N_("Telephone number of the center (none if this is the center)"),
    "folder": N_("Folder, or “removable” for the stick that was inserted last"),
}
DEVICE_QUESTION = N_("Device: a number of the list above, or a path")
