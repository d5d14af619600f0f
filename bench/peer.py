"""The peers: services in Node that do what ours does for a charge, from bench/peers."""

import hashlib
import os
import secrets
import shutil
import subprocess
import time
import uuid

from charging import IDLE_SECS, Charging

HERE = os.path.dirname(os.path.realpath(__file__))
# The sandbox's first contract, which our own service takes by itself.
CONTRACT = {"KIWOOM_CPID": "CTSANDBOX", "KIWOOM_AUTH_KEY": "5a4db0c" * 8 + "00000001"}


def installed(folder):
    """A copy of bench/peers with its packages, as package-lock.json pins them."""
    copy = os.path.join(folder, "peers")
    shutil.copytree(os.path.join(HERE, "peers"), copy)
    os.chmod(copy, 0o755)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=copy, check=True)
    return copy


class Peer(Charging):
    """One of them; `program` is its JavaScript."""

    def prepare(self):
        self.command = ["node", self.program]
        self.env |= {**CONTRACT, "NODE_ENV": "production", "BILLING_KEY_SECRET": secrets.token_hex(32)}
        with open(os.path.join(HERE, "peers", "schema.sql"), encoding="utf-8") as schema:
            self.sql(schema.read())
        key = f"kbp_{secrets.token_hex(24)}"
        stored = hashlib.sha256(key.encode()).hexdigest()
        self.sql(f"insert into api_keys (id, hash, scopes) values ('{uuid.uuid4()}', '\\x{stored}', '{{charge,read}}')")
        return key

    def settle(self):
        time.sleep(IDLE_SECS)
