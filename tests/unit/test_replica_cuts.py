from billfold.document import FieldEdit, random_record_id
from billfold_protocol.membership import Role
from tests.support.circle import Circle, Membership

RECORD = random_record_id(bytes(range(16)))


def put(field: str, value: int) -> list[FieldEdit]:
    return [FieldEdit(RECORD, field, value)]


def circle_of(**roles: Role) -> Circle:
    circle = Circle("replica cuts")
    for name, role in roles.items():
        circle.link(name, role)
    circle.edit("owner", [FieldEdit(RECORD, "type", "login")])
    circle.share()
    return circle


def value_on(circle: Circle, name: str, field: str) -> object:
    state = circle[name].replica.document.field(RECORD, field)
    return None if state is None else state.value


def test_what_a_demoted_device_had_made_alone_comes_back_with_its_rights() -> None:
    for is_restarted in (False, True):
        circle = circle_of(phone=Role.EDITOR, reader=Role.VIEWER)
        circle.edit("phone", put("sealed", 1))
        phone = circle["phone"]
        # This edit is durable, and waits to be sealed.
        phone.replica.edit(put("pending", 2))
        phone.replica.prepare(room=None)
        phone.store.commit(phone.replica.journal.take_writes())
        circle.tell("phone", circle.set_role("owner", "phone", Role.VIEWER))
        circle.share()
        assert value_on(circle, "phone", "sealed") is None
        assert value_on(circle, "phone", "pending") is None
        assert phone.replica.pending_count == 1
        circle.require_equal()
        if is_restarted:
            phone.restart()
            circle.require_equal()

        circle.set_role("owner", "phone", Role.EDITOR)
        circle.share()
        assert value_on(circle, "phone", "sealed") == 1
        assert value_on(circle, "phone", "pending") == 2
        circle.edit("phone", put("after", 3))
        circle.share()
        circle.require_equal()
        assert [value_on(circle, "reader", name) for name in ("sealed", "pending", "after")] == [
            *(1, 2, 3)
        ]
        # Nothing was made twice under one number: no device sets anything aside.
        assert all(device.replica.quarantined_count == 0 for device in circle.remaining())
        for device in circle.remaining():
            device.restart()
        circle.require_equal()


def test_a_demoted_device_does_not_forget_what_it_never_brought_to_a_server() -> None:
    circle = circle_of(phone=Role.EDITOR)
    phone = circle["phone"]
    phone.replica.edit(put("never acknowledged", 1))
    phone.replica.prepare(room=1 << 20)
    phone.store.commit(phone.replica.journal.take_writes())
    phone.replica.journal.take_sends()
    circle.tell("phone", circle.set_role("owner", "phone", Role.VIEWER))
    for _ in range(2):
        phone.restart()
        phone.settle()
        assert len(phone.store.unacked(phone.replica.core.feed)) == 1
    circle.tell("phone", circle.set_role("owner", "phone", Role.EDITOR))
    circle.share()
    assert value_on(circle, "owner", "never acknowledged") == 1
    circle.require_equal()


def test_a_reader_rebuilds_from_what_is_not_yet_durable_too() -> None:
    circle = circle_of(lost=Role.EDITOR, reader=Role.VIEWER)
    mine = circle.edit("owner", put("kept", 1))
    last = circle.edit("lost", put("cut off", 2))
    reader = circle["reader"]
    reader.replica.receive_entries([*mine, *last])
    assert value_on(circle, "reader", "cut off") == 2
    # One commit is under way, with all of that, when the revoke arrives.
    under_way = reader.replica.journal.take_writes()
    revoke = circle.revoke("owner", "lost")
    reader.replica.receive_members(revoke.k, [revoke.authored.raw])
    reader.replica.receive_wraps(revoke.authored.wraps)
    reader.store.commit(under_way)
    reader.settle()
    assert value_on(circle, "reader", "kept") == 1
    assert value_on(circle, "reader", "cut off") is None
    circle.share()
    circle.require_equal()


def test_an_entry_that_waited_for_its_key_and_was_cut_off_meanwhile_is_not_applied() -> None:
    circle = circle_of(lost=Role.EDITOR, reader=Role.VIEWER)
    rotation = circle.rotate("owner")
    circle.tell("lost", rotation)
    last = circle.edit("lost", put("cut off", 1))
    reader = circle["reader"]
    without_key = Membership(rotation.k, type(rotation.authored)(rotation.authored.raw))
    reader.receive(without_key, *last)
    assert reader.replica.waiting_count == 1
    revoke = circle.revoke("owner", "lost")
    reader.receive(revoke)
    assert reader.replica.waiting_count == 0
    assert value_on(circle, "reader", "cut off") is None
    reader.restart()
    circle.share()
    circle.require_equal()


def test_acks_in_any_order_leave_nothing_unacknowledged_in_the_store() -> None:
    circle = circle_of()
    owner = circle["owner"]
    for number in range(3):
        owner.replica.edit(put("field", number))
        owner.replica.prepare(room=1 << 40)
        owner.replica.resend()
    owner.store.commit(owner.replica.journal.take_writes())
    feed = owner.replica.core.feed
    ids = [row.entry_id for row in owner.store.entry_index() if row.feed == feed][-3:]
    for id_ in (ids[2], ids[0], ids[1]):
        owner.replica.acked([id_])
        owner.settle()
    assert owner.store.unacked(feed) == []
    owner.restart()
    assert owner.replica.unsynced_count == 0
