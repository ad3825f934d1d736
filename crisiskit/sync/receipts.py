"""What the far end is told of its envelopes: when a receipt is due, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from crisiskit.codec.acks import NO_DIGEST, AckBlock, PartRequest, ack_block, encode_block
from crisiskit.codec.checkpoint import Asked
from crisiskit.model import Precedence
from crisiskit.step import Life
from crisiskit.sync.assembly import Assembly
from crisiskit.sync.heard import REPEAT_METERED_S, RIDER_BYTES_MAX, Heard
from transports.link import Traits

ENOUGH_FOR_RECEIPT = 8
REPEAT_FREE_S = 2.0
WIDE_AFTER = 100


class Receipts:
    """The receipts of one pairing. Shares the lives with the hearer, who changes them.

    ``newest`` are the names of the newest lives, the newest last. ``digest_at``: the chain
    value after so many envelopes of a life, empty if not proved.
    """

    def __init__(
        self,
        heard: Mapping[Life, Heard],
        newest: Sequence[Life],
        assembly: Assembly,
        digest_at: Callable[[Heard, int], bytes],
    ) -> None:
        self._heard = heard
        self._newest = newest
        self._assembly = assembly
        self._digest_at = digest_at
        self._answers: dict[Life, AckBlock] = {}
        self._answers_due_s: float | None = None
        stored = [life for life in heard.values() if life.next_seq]
        self._anchor = stored[-1] if stored else None
        if self._anchor is not None:
            # The first thing said in a life shows what is held: a restored side tells on itself.
            self._anchor.rides = True

    def news_due(self, heard: Heard, delay_s: float, now_s: float, precedence: Precedence) -> None:
        """Something new is stored: a receipt is due after a while, or at once after much."""
        heard.news += 1
        heard.urgency = max(heard.urgency, precedence)
        due = now_s + (0.0 if heard.news >= ENOUGH_FOR_RECEIPT else delay_s)
        heard.due_s = due if heard.due_s is None else min(heard.due_s, due)

    def repeat_due(
        self, heard: Heard, traits: Traits, now_s: float, precedence: Precedence
    ) -> None:
        """A repeat brought nothing new: say so again, but not often."""
        heard.urgency = max(heard.urgency, precedence)
        pause = REPEAT_METERED_S if traits.metered else REPEAT_FREE_S
        due = max(now_s + traits.receipt_delay_s, heard.receipted_s + pause)
        heard.due_s = due if heard.due_s is None else min(heard.due_s, due)

    def next_due_s(self) -> float | None:
        """When a receipt is due next."""
        times = [h.due_s for h in self._heard.values() if h.due_s is not None]
        times += [] if self._answers_due_s is None else [self._answers_due_s]
        return min([*times, *self._assembly.due_s.values()], default=None)

    @property
    def urgency(self) -> Precedence:
        """The precedence of what the next receipt is for: what it may cost depends on that."""
        due = (heard.urgency for heard in self._heard.values() if heard.due_s is not None)
        return max(due, default=Precedence.ROUTINE)

    def riding_block(self, now_s: float) -> tuple[AckBlock, Life] | None:
        """The ack block worth carrying along with data, if any; a long one goes alone.

        Of the newest life heard; at first of the newest of which something was stored when
        this process began: that a restored side names an older one tells on it.
        """
        first = self._anchor is not None and self._anchor.rides
        heard = self._anchor if first else self._newest_heard()
        if heard is None or (heard.due_s is None and not heard.rides):
            return None
        block = self._block(heard)
        if len(encode_block(block)) > RIDER_BYTES_MAX:
            if not heard.rides:
                return None
            block = self._block(heard, beyond=False)
        heard.rides = False
        self._receipted(heard, now_s)
        return block, heard.name

    @property
    def newest_life(self) -> Life | None:
        """The newest life of the far end."""
        return self._newest[-1] if self._newest else None

    def _newest_heard(self) -> Heard | None:
        return self._heard[self._newest[-1]] if self._newest else None

    def due_blocks(
        self, now_s: float, room_bytes: int, copy: bool = False
    ) -> tuple[tuple[AckBlock | PartRequest, ...], tuple[Life, ...]]:
        """What a receipt that leaves now should say, and the lives it speaks of.

        The newest life heard, and all that is due or soon due. At least one block; what
        finds no room in ``room_bytes`` stays due. After a ``copy`` all stays due.
        """
        blocks: list[AckBlock | PartRequest] = []
        lives: list[Life] = []
        newest = self._newest_heard()
        others = [h for h in self._heard.values() if h.due_s is not None and h is not newest]
        anchor = self._anchor
        if anchor is not None and anchor.rides and anchor is not newest:
            others = [anchor, *(h for h in others if h is not anchor)]
        if newest is not None and others:
            newest.wide = True
        for heard in [*([newest] if newest else []), *others]:
            block = self._block(heard)
            if not blocks and len(encode_block(block)) > room_bytes:
                block = self._block(heard, beyond=False)
            if self._joins(blocks, block, room_bytes):
                lives.append(heard.name)
                if not copy:
                    self._receipted(heard, now_s)
        for name, answer in list(self._answers.items()):
            if self._joins(blocks, answer, room_bytes) and not copy:
                del self._answers[name]
        self._answers_due_s = now_s if self._answers else None
        for request in self._assembly.requests(now_s):
            if self._joins(blocks, request, room_bytes) and not copy:
                self._assembly.asked(request)
        return tuple(blocks), tuple(lives)

    def asked(self, lives: Iterable[Asked], now_s: float) -> None:
        """The far end doubts what we hold of these lives of its own."""
        for one in lives:
            known = (
                heard
                for name, heard in self._heard.items()
                if name[0] == one.epoch and name[1][:2] == one.salt
            )
            heard = next(known, None)
            self._answers[one.epoch, one.salt] = (
                ack_block(one.epoch, 0, NO_DIGEST, (), one.salt)
                if heard is None
                else self._answer(heard, one.count)
            )
        self._answers_due_s = now_s if self._answers else None

    def _answer(self, heard: Heard, count: int) -> AckBlock:
        """What is stored of a life, as far as the asker can compare it with its own."""
        if count >= heard.next_seq:
            return self._block(heard, wide=True)
        epoch, salt = heard.name
        digest = self._digest_at(heard, count)[:4] if count else b""
        return ack_block(epoch, count, digest or NO_DIGEST, (), salt)

    def owe(self, lives: Iterable[Life], now_s: float) -> None:
        """A receipt about these lives did not leave: it is due again."""
        for name in lives:
            self._heard[name].due_s = now_s

    def _joins(
        self, blocks: list[AckBlock | PartRequest], block: AckBlock | PartRequest, room_bytes: int
    ) -> bool:
        size = sum(len(encode_block(one)) for one in (*blocks, block))
        if blocks and size > room_bytes:
            return False
        blocks.append(block)
        return True

    def _receipted(self, heard: Heard, now_s: float) -> None:
        heard.news, heard.due_s, heard.receipted_s = 0, None, now_s
        heard.urgency = Precedence.ROUTINE

    def _block(self, heard: Heard, beyond: bool = True, wide: bool = False) -> AckBlock:
        digest = heard.digest[:4] if heard.next_seq and heard.digest else NO_DIGEST
        stored: tuple[int, ...] = ()
        if beyond and heard.next_seq not in heard.waiting:
            stored = (*heard.ahead, *heard.waiting)
        above = [seq for seq in stored if seq > heard.next_seq]
        epoch, salt = heard.name
        wide = wide or heard.rides or heard.wide or epoch <= self._newest[-1][0] - WIDE_AFTER
        twins = sum(name[0] == epoch for name in self._heard)
        named = salt if wide or twins > 1 else b""
        return ack_block(epoch, heard.next_seq, digest, above, named)
