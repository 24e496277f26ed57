"""A market in which every prosumer is a process of its own, and tells only what it would sell at a price.

The coordinator is the market's simulator in mosaik. It starts the agents, which are mosaik simulators, by a `cmd` as
mosaik would, and speaks mosaik's protocol to them by itself: mosaik ends a run when a simulator's process dies, and
here a dead agent has to leave the others trading. In every interval it asks all agents at once until they agree, all
within one step.

- Who does not answer within `answer_limit_s` keeps its last offer for that interval, and is asked again in the next.
- Whose process has ended keeps its last offer for that interval, and takes no part any more.
- Trades are cut out of what the network's side agreed to: reciprocal, whoever answers.

    python -m mosaik_p2p.scenarios.examples.agents
"""

import json
import pickle
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import mosaik
import mosaik_api_v3
import numpy as np
import pandas as pd
from mosaik_api_v3.connection import FAILURE, REQUEST, encode

from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.agents.network_side import Agreement, absent, agree
from mosaik_p2p.market.agents.prosumer_side import Introduction, own_part
from mosaik_p2p.market.clearing import fitted, shifted
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.units import CARRIERS, FloatArray

LOOPBACK = "127.0.0.1"
CMD = "%(python)s -m mosaik_p2p.scenarios.examples.agent_process %(addr)s"
START_LIMIT_S = 180.0
"""For a process to start, load and compile."""
HOURS = 3
MORNING = ("time.start=2017-03-28T10:00:00+01:00", "market.form=network")
"""When there is sun to trade, in the form that needs the fewest exchanges."""
SIM_CONFIG: Any = {
    "coordinator": {"python": f"{__name__}:Coordinator"},
    "collector": {"python": "mosaik_p2p.scenarios.examples.collector:Simulator"},
}


class Link:
    """One agent's process and the connection to it. What comes too late is read and thrown away by its number."""

    def __init__(self, command: str) -> None:
        self._server = socket.create_server((LOOPBACK, 0))
        address = f"{LOOPBACK}:{self._server.getsockname()[1]}"
        parts = shlex.split(command % {"python": shlex.quote(sys.executable), "addr": address})
        self.process = subprocess.Popen(parts)
        self._number, self._received = 0, b""
        self.is_lost = False

    def connect(self) -> None:
        """Wait for the process that was started."""
        with self._server as server:
            server.settimeout(START_LIMIT_S)
            self._connection, _ = server.accept()

    def send(self, method: str, *arguments: Any, **parameters: Any) -> None:
        """Ask; the answer is fetched by `answer`."""
        self._number += 1
        try:
            self._connection.settimeout(START_LIMIT_S)
            self._connection.sendall(encode([REQUEST, self._number, [method, arguments, parameters]]))
        except OSError:
            self.is_lost = True

    def answer(self, deadline: float) -> Any:
        """The answer to what was asked last. Raises TimeoutError where there is none by then (of `monotonic`), and
        ConnectionError where there will be none."""
        while not self.is_lost:
            kind, number, content = json.loads(self._message(deadline))
            if number != self._number:
                continue
            if kind == FAILURE:
                self.is_lost = True
                raise ConnectionError(f"the agent failed: {content[:2]}")
            return content
        raise ConnectionError("the agent's process has ended")

    def _message(self, deadline: float) -> bytes:
        header = self._exactly(4, deadline)
        length = int.from_bytes(header, "big")
        # Kept until the whole of it is there, so that a slow message is not torn.
        body = self._exactly(4 + length, deadline)[4:]
        self._received = self._received[4 + length :]
        return body

    def _exactly(self, count: int, deadline: float) -> bytes:
        """The next `count` bytes, which stay in the buffer."""
        while len(self._received) < count:
            self._connection.settimeout(max(deadline - monotonic(), 1e-3))
            try:
                arrived = self._connection.recv(1 << 16)
            except TimeoutError:
                raise
            except OSError:
                arrived = b""
            if not arrived:
                self.is_lost = True
                raise ConnectionError("the agent's process has ended")
            self._received += arrived
        return self._received[:count]

    def close(self) -> None:
        """End the process, in its own way if it still can."""
        self.send("stop")
        self._connection.close()
        try:
            self.process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


Watch = Callable[[int, int, dict[str, Link]], None]
"""Told interval, exchange and everybody's link before everybody is asked."""


def nobody_watches(interval: int, exchange: int, links: dict[str, Link]) -> None:
    """Nothing."""


@dataclass
class Round:
    """What is known of the agents in one interval."""

    offers_kw: FloatArray
    """(C, T, N) everybody's last answer; nothing before the first one."""
    late: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    asked: int = 0


class Members:
    """All agents by name, asked at once."""

    def __init__(self, links: dict[str, Link], *, answer_limit_s: float, watch: Watch) -> None:
        self.links, self._limit_s, self._watch = links, answer_limit_s, watch
        self.gone: set[str] = set()

    def begin(self, k: int, horizon: int) -> dict[str, Introduction]:
        """A new interval: everybody introduces itself, who does not is absent from it."""
        self.k = k
        self.round = Round(np.zeros((len(CARRIERS), horizon, len(self.links))))
        told = self._all("begin", dict.fromkeys(self._here(), (k,)))
        return {name: _introduction(told[name]) if name in told else absent(horizon) for name in self.links}

    def ask(self, target_kw: FloatArray, weight: FloatArray) -> FloatArray:
        """See `network_side.Ask`."""
        self._watch(self.k, self.round.asked, self.links)
        self.round.asked += 1
        names = list(self.links)
        questions = {
            name: (target_kw[:, :, i].tolist(), weight[:, i].tolist())
            for i, name in enumerate(names)
            if name in self._here()
        }
        for name, sale in self._all("respond", questions).items():
            self.round.offers_kw[:, :, names.index(name)] = sale
        return self.round.offers_kw.copy()

    def settle(self, sale_kw: FloatArray) -> FloatArray:
        """See `network_side.Keep`."""
        names = list(self.links)
        asked = {name: (sale_kw[:, :, i].tolist(),) for i, name in enumerate(names) if name not in self.gone}
        surplus = np.zeros((len(CARRIERS), len(names)))
        self.dispatch = {}
        for name, told in self._all("settle", asked).items():
            surplus[:, names.index(name)] = told["surplus_kw"]
            self.dispatch[name] = told["dispatch"]
        return surplus

    def commit(self) -> None:
        """The interval is over, for those too who were late."""
        self._all("commit", {name: () for name in self.links if name not in self.gone})

    def _here(self) -> list[str]:
        return [name for name in self.links if name not in self.gone and name not in self.round.late]

    def _all(self, method: str, questions: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
        """Everybody's answer to its question, of those who give one in time."""
        for name, arguments in questions.items():
            self.links[name].send(method, *arguments)
        deadline, answers = monotonic() + self._limit_s, {}
        for name in questions:
            try:
                answers[name] = self.links[name].answer(deadline)
            except TimeoutError:
                self.round.late.add(name)
            except ConnectionError:
                self.round.lost.add(name)
                self.gone.add(name)
        return answers


def _introduction(told: dict[str, Any]) -> Introduction:
    arrays = {name: np.array(told[name]) for name in ("price_per_kwh", "load_kw")}
    return Introduction(told["size_kw"], told["highest_price_per_kwh"], tuple(told["member"]), **arrays)


META: Any = {
    "type": "hybrid",
    "models": {
        "Market": {
            "public": True,
            "params": ["case", "folder", "answer_limit_s", "watch", "cmd"],
            "attrs": ["interval", "trades", "dispatch"],
            "non-persistent": ["interval", "trades", "dispatch"],
        }
    },
}


class Coordinator(mosaik_api_v3.Simulator):
    """The network's side as a simulator, a step an interval; in mosaik's own process (`watch` is a function).

    Of the case it uses names, times and charges.
    """

    def __init__(self) -> None:
        super().__init__(META)  # type: ignore[no-untyped-call]  # mosaik's own signature has no types

    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Any:  # noqa: ARG002 (mosaik's)
        """Takes no parameters."""
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[Any]:  # noqa: ARG002
        """Start everybody, side by side."""
        self._case: MarketCase = params["case"]
        folder = Path(params["folder"])
        links = {prosumer.name: Link(params["cmd"]) for prosumer in self._case.prosumers}
        self._members = Members(links, answer_limit_s=params["answer_limit_s"], watch=params["watch"])
        for name, link in links.items():
            link.connect()
            link.send("init", f"Agent-{name}", time_resolution=1.0)
            link.answer(monotonic() + START_LIMIT_S)
            own, account = (str(folder / f"{name}.{ending}") for ending in ("own", "json"))
            link.send("create", 1, "Agent", own=own, account=account)
        for link in links.values():
            link.answer(monotonic() + START_LIMIT_S)
        self._start: Start | None = None
        return [{"eid": "Market", "type": model}]

    def step(self, time: int, inputs: Any, max_advance: int) -> int:  # noqa: ARG002
        """Agree on one interval."""
        k, members, case = time // 3600, self._members, self._case
        horizon = case.window(k).horizon
        charges = [own.window(k, horizon) for own in case.charges]
        introduced = members.begin(k, horizon)
        agreed = agree(introduced, charges, case.dt_h, case.settings, ask=members.ask, keep=members.settle,
                       start=fitted(self._start, horizon))  # fmt: skip
        members.commit()
        self._start = shifted(agreed.end)
        self._now = {
            "interval": self._said(k, agreed),
            "trades": _trades(case, agreed),
            "dispatch": list(members.dispatch.values()),
        }
        return time + 3600

    def _said(self, k: int, agreed: Agreement) -> dict[str, Any]:
        now = self._members.round
        return {
            "interval": k,
            "status": str(agreed.status),
            "exchanges": agreed.exchanges,
            "charges": agreed.charges,
            "late": sorted(now.late),
            "lost": sorted(now.lost),
            "absent": sorted(self._members.gone - now.lost),
        }

    def get_data(self, outputs: Any) -> Any:
        """Of the interval that was agreed on last."""
        return {eid: {name: self._now[name] for name in attributes} for eid, attributes in outputs.items()}

    def finalize(self) -> None:
        """End everybody."""
        for link in self._members.links.values():
            link.close()


def _trades(case: MarketCase, agreed: Agreement) -> list[dict[str, Any]]:
    names = [prosumer.name for prosumer in case.prosumers]
    return [
        {"carrier": carrier, "seller": names[i], "buyer": names[j], "power_kw": kw, "price_per_kwh": price}
        for carrier, own in zip(CARRIERS, agreed.trades, strict=True)
        for i, j, kw, price in zip(
            own.seller.tolist(), own.buyer.tolist(), own.power_kw.tolist(), own.price_per_kwh.tolist(), strict=True
        )
    ]


@dataclass(frozen=True)
class Traded:
    """What the world came to. The look-aheads' costs by prosumer are the agents' own accounts, told to nobody else."""

    intervals: pd.DataFrame
    trades: pd.DataFrame
    costs: dict[str, list[float]]


def traded(
    folder: Path,
    *,
    hours: int = HOURS,
    overrides: Sequence[str] = (),
    answer_limit_s: float = 30.0,
    watch: Watch = nobody_watches,
) -> Traded:
    """Some hours of network1, with everybody's own file and account in `folder`."""
    case = market_case(load("network1", [*MORNING, f"time.steps={hours}", *overrides]))
    for prosumer in case.prosumers:
        # What lies at each one's home; here it comes out of one scenario.
        (folder / f"{prosumer.name}.own").write_bytes(pickle.dumps(own_part(case, prosumer.name)))
    with mosaik.World(SIM_CONFIG, skip_greetings=True, configure_logging=False) as world:
        coordinator, collector = world.start("coordinator"), world.start("collector")
        market = coordinator.Market(
            case=case,
            folder=str(folder),
            answer_limit_s=answer_limit_s,
            watch=watch,
            cmd=CMD,
        )
        sink = collector.Collector()
        world.connect(market, sink, "interval", "trades")
        world.run(until=hours * 3600, print_progress=False)
        rows = collector.rows()
    said = list(rows[rows["attribute"] == "interval"]["value"])
    trades = [
        {"interval": int(time) // 3600, **trade}
        for time, entries in rows[rows["attribute"] == "trades"][["time", "value"]].itertuples(index=False)
        for trade in entries
    ]
    costs = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    return Traded(pd.DataFrame(said), pd.DataFrame(trades), costs)


def main() -> None:
    """Three hours with everybody, and three in which C's process is killed in the second."""

    def kill(k: int, exchange: int, links: dict[str, Link]) -> None:
        if (k, exchange) == (1, 2):
            links["C"].process.kill()

    for title, watch in (("five agents", nobody_watches), ("C is killed in the second hour", kill)):
        with tempfile.TemporaryDirectory() as folder:
            found = traded(Path(folder), watch=watch)
        print(title)
        print(found.intervals.to_string(index=False))
        print(found.trades.groupby(["interval", "carrier"])["power_kw"].sum().to_string())


if __name__ == "__main__":
    main()
