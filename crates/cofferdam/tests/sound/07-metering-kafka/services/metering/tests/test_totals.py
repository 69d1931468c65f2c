from metering.totals import add_up


def test_one_record_twice_counts_once():
    record = {"id": "1", "customer": "a", "at": "2026-03-01T10:15:00Z", "units": 3}
    assert add_up([record, record])["a/2026-03-01T10"]["units"] == 3
