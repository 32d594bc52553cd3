"""CloudWatch's operations in the three protocols that real clients speak.

AWS Query is what Debian's boto3 sends. AWS JSON 1.0 (current boto3 and AWS CLI) and Smithy RPC v2 CBOR
(current SDKs for Go, Java, JavaScript) are spoken here by hand, signed by botocore.
"""
import gzip
import json
import re
import struct
import time
import urllib.error
import urllib.parse
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from conftest import command_lines_of_aws, eventually

PREFIX = "GraniteServiceVersion20100801"


class CallError(Exception):
    """An operation's error, by the code that clients of Query have always seen."""

    def __init__(self, code: str, message: str, status: int, type_name: str = ""):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.type_name = code, message, status, type_name


# --- CBOR, as much as clients and servers of AWS use (RFC 8949) -------------------------------------


class Timestamp(float):
    """Seconds since 1970, to be sent as tag 1."""


def cbor_head(major: int, n: int) -> bytes:
    if n < 24:
        return bytes([major << 5 | n])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    raise ValueError(n)


def cbor_encode(value) -> bytes:
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, Timestamp):
        return b"\xc1" + cbor_encode(float(value))
    if isinstance(value, int):
        return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(map(cbor_encode, value))
    items = b"".join(cbor_encode(k) + cbor_encode(v) for k, v in value.items())
    return cbor_head(5, len(value)) + items


def cbor_encode_indefinite(value) -> bytes:
    """The same with indefinite lengths, and strings in chunks of three bytes."""
    if isinstance(value, str):
        data = value.encode()
        chunks = (data[i:i + 3] for i in range(0, len(data), 3))
        return b"\x7f" + b"".join(cbor_head(3, len(c)) + c for c in chunks) + b"\xff"
    if isinstance(value, list):
        return b"\x9f" + b"".join(map(cbor_encode_indefinite, value)) + b"\xff"
    if isinstance(value, dict):
        items = (cbor_encode_indefinite(k) + cbor_encode_indefinite(v) for k, v in value.items())
        return b"\xbf" + b"".join(items) + b"\xff"
    return cbor_encode(value)


def cbor_decode(data: bytes):
    value, rest = cbor_item(data)
    assert rest == b""
    return value


def cbor_item(data: bytes):
    major, info, data = data[0] >> 5, data[0] & 31, data[1:]
    if major == 7 and info == 27:
        return struct.unpack(">d", data[:8])[0], data[8:]
    if major == 7:
        return {20: False, 21: True, 22: None}[info], data
    if info == 31:
        return cbor_indefinite(major, data)
    if info >= 24:
        size = 1 << (info - 24)
        info, data = int.from_bytes(data[:size], "big"), data[size:]
    if major in (0, 1):
        return info if major == 0 else -1 - info, data
    if major == 3:
        return data[:info].decode(), data[info:]
    if major == 6:
        assert info == 1
        return cbor_item(data)
    items = []
    for _ in range(info * (2 if major == 5 else 1)):
        item, data = cbor_item(data)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if major == 5 else items), data


def cbor_indefinite(major: int, data: bytes):
    items = []
    while data[0] != 0xFF:
        item, data = cbor_item(data)
        items.append(item)
    if major == 3:
        return "".join(items), data[1:]
    return (dict(zip(items[::2], items[1::2])) if major == 5 else items), data[1:]


# --- one call in each protocol ----------------------------------------------------------------------


def plain(value):
    """Timestamps as numbers, whatever boto3 made of them."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.timestamp() if hasattr(value, "timestamp") else value


def send(weir, path: str, headers: dict, body: bytes, compress: bool = False):
    if compress:
        body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    request = botocore.awsrequest.AWSRequest("POST", weir.url + path, headers=headers, data=body)
    credentials = botocore.credentials.Credentials(*weir.keys)
    botocore.auth.SigV4Auth(credentials, "monitoring", "us-east-1").add_auth(request)
    try:
        return urllib.request.urlopen(
            urllib.request.Request(weir.url + path, body, dict(request.headers)))
    except urllib.error.HTTPError as error:
        return error


def checked(response, body: dict) -> dict:
    if response.status == 200:
        return body
    code, fault = response.headers["x-amzn-query-error"].split(";")
    assert fault == ("Sender" if response.status < 500 else "Receiver")
    assert body["__type"].startswith("com.amazonaws.cloudwatch#")
    raise CallError(code, body["message"], response.status, body["__type"].split("#")[1])


def call_query(weir, operation: str, compress: bool = False, **members):
    client = weir.client("cloudwatch")
    method = "".join("_" + c.lower() if c.isupper() else c for c in operation).lstrip("_")
    try:
        return plain(getattr(client, method)(**members))
    except botocore.exceptions.ClientError as error:
        raise CallError(error.response["Error"]["Code"], error.response["Error"]["Message"],
                        error.response["ResponseMetadata"]["HTTPStatusCode"]) from error


def call_json(weir, operation: str, compress: bool = False, **members):
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-query-mode": "true",
               "X-Amz-Target": f"{PREFIX}.{operation}"}
    with send(weir, "/", headers, json.dumps(members).encode(), compress) as response:
        assert response.headers["Content-Type"] == "application/x-amz-json-1.0"
        return checked(response, json.loads(response.read() or b"{}"))


def call_cbor(weir, operation: str, compress: bool = False, encode=cbor_encode, **members):
    headers = {"Content-Type": "application/cbor", "Accept": "application/cbor",
               "smithy-protocol": "rpc-v2-cbor", "x-amzn-query-mode": "true"}
    path = f"/service/{PREFIX}/operation/{operation}"
    with send(weir, path, headers, encode(members), compress) as response:
        assert response.headers["smithy-protocol"] == "rpc-v2-cbor"
        assert response.headers["Content-Type"] == "application/cbor"
        return checked(response, cbor_decode(response.read() or b"\xa0"))


def call_cbor_indefinite(weir, operation: str, compress: bool = False, **members):
    return call_cbor(weir, operation, compress, cbor_encode_indefinite, **members)


PROTOCOLS = {"query": call_query, "json": call_json, "cbor": call_cbor,
             "cbor-indefinite": call_cbor_indefinite}


@pytest.fixture(params=PROTOCOLS, scope="module")
def protocol(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def call(weir, protocol):
    """A function that performs one operation in one of the protocols."""
    def perform(operation: str, **members):
        if protocol.startswith("cbor"):
            members = {k: Timestamp(v) if k in ("StartTime", "EndTime") else v
                       for k, v in members.items()}
        return PROTOCOLS[protocol](weir, operation, **members)
    return perform


def minute() -> int:
    """The start of the last whole minute."""
    return int(time.time()) // 60 * 60 - 60


# --- the operations -----------------------------------------------------------------------------------


def test_data_come_back_as_statistics(call, protocol):
    start, dimensions = minute(), [{"Name": "Protocol", "Value": protocol}]
    for datum in ({"Value": 2.5}, {"Values": [1.0, 4.0], "Counts": [1.0, 2.0]},
                  {"StatisticValues": {"SampleCount": 2.0, "Sum": 10.0, "Minimum": 4.0,
                                       "Maximum": 6.0}}):
        assert call("PutMetricData", Namespace="Test/Statistics", MetricData=[
            {"MetricName": "m", "Dimensions": dimensions, "Timestamp": Timestamp(start + 7),
             "Unit": "Count", **datum}]) == {}

    result = call("GetMetricStatistics", Namespace="Test/Statistics", MetricName="m",
                  Dimensions=dimensions, StartTime=start, EndTime=start + 60, Period=60,
                  Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
                  ExtendedStatistics=["p0", "p50"])
    assert result["Label"] == "m"
    (point,) = result["Datapoints"]
    percentiles = point.pop("ExtendedStatistics")
    assert point == {"Timestamp": start, "Unit": "Count", "SampleCount": 6.0, "Sum": 21.5,
                     "Average": pytest.approx(21.5 / 6), "Minimum": 1.0, "Maximum": 6.0}
    assert percentiles == {"p0": pytest.approx(1, rel=0.02), "p50": pytest.approx(2.5, rel=0.02)}


def test_unicode_and_odd_numbers_survive(call, protocol):
    start = minute()
    values = [-1e-9, 0.1, 123456789.123, 2.0 ** 300, -3.0]
    name = f"odd & <names> 'in' \"{protocol}\" + %"
    call("PutMetricData", Namespace="Test/Odd", MetricData=[
        {"MetricName": name, "Timestamp": Timestamp(start + i), "Value": v, "StorageResolution": 1}
        for i, v in enumerate(values)])
    result = call("GetMetricStatistics", Namespace="Test/Odd", MetricName=name, StartTime=start,
                  EndTime=start + 5, Period=1, Statistics=["Sum"])
    assert result["Label"] == name
    assert [p["Sum"] for p in sorted(result["Datapoints"], key=lambda p: p["Timestamp"])] == values


def test_metric_data_come_in_pages(call, protocol):
    start = minute() - 600
    call("PutMetricData", Namespace="Test/Pages", MetricData=[
        {"MetricName": f"{metric}-{protocol}", "Value": float(i),
         "Timestamp": Timestamp(start + 60 * i)} for metric in ("a", "b") for i in range(5)])
    queries = [{"Id": metric, "Label": f"the {metric}", "MetricStat": {
        "Metric": {"Namespace": "Test/Pages", "MetricName": f"{metric}-{protocol}"},
        "Period": 60, "Stat": "Sum"}} for metric in ("a", "b")]

    found, token, pages = {"a": [], "b": []}, {}, 0
    while True:
        page = call("GetMetricData", MetricDataQueries=queries, StartTime=start,
                    EndTime=start + 300, MaxDatapoints=3, ScanBy="TimestampAscending", **token)
        pages += 1
        for result in page["MetricDataResults"]:
            assert result["Label"] == f"the {result['Id']}"
            assert result["StatusCode"] in ("Complete", "PartialData")
            found[result["Id"]] += zip(result["Timestamps"], result["Values"])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert pages == 4
    for points in found.values():
        assert points == [(start + 60 * i, float(i)) for i in range(5)]


def test_expressions_are_computed_of_metrics(call, protocol):
    start = minute() - 600
    names = {"errors": f"e-{protocol}", "requests": f"r-{protocol}"}
    points = {"errors": {0: 1.0, 3: 4.0}, "requests": {0: 10.0, 1: 20.0, 3: 0.0, 4: 50.0}}
    call("PutMetricData", Namespace="Test/Math", MetricData=[
        {"MetricName": names[query], "Value": value, "Timestamp": Timestamp(start + 60 * i)}
        for query, of_query in points.items() for i, value in of_query.items()])
    queries = [{"Id": query, "ReturnData": False, "MetricStat": {
        "Metric": {"Namespace": "Test/Math", "MetricName": name}, "Period": 60, "Stat": "Sum"}}
        for query, name in names.items()]
    queries += [
        {"Id": "rate", "Expression": "100 * errors / requests", "Label": "Errors in percent"},
        {"Id": "filled", "Expression": "FILL(METRICS('requests'), REPEAT)", "Label": ""},
        {"Id": "busy", "Expression": "IF(requests > 15 AND requests < 40, requests)"},
        {"Id": "above", "Expression": "requests - average"},
        {"Id": "average", "Expression": "AVG(requests)", "ReturnData": False},
    ]
    found = call("GetMetricData", MetricDataQueries=queries, StartTime=start, EndTime=start + 300,
                 ScanBy="TimestampAscending")["MetricDataResults"]
    assert [(r["Id"], r["Label"]) for r in found] == [
        ("rate", "Errors in percent"), ("filled", f"r-{protocol}"), ("busy", "busy"),
        ("above", "above")]
    assert [{(t - start) / 60: v for t, v in zip(r["Timestamps"], r["Values"])} for r in found] == [
        {0: 10.0, 1: 0.0, 4: 0.0}, {0: 10.0, 1: 20.0, 2: 20.0, 3: 0.0, 4: 50.0}, {1: 20.0},
        {0: -10.0, 1: 0.0, 3: -20.0, 4: 30.0}]


def test_metrics_are_listed(call, protocol):
    dimensions = [{"Name": "Protocol", "Value": protocol}, {"Name": "Kind", "Value": "x"}]
    call("PutMetricData", Namespace="Test/List", MetricData=[
        {"MetricName": "m", "Dimensions": dimensions, "Value": 1.0}])
    listed = call("ListMetrics", Namespace="Test/List", Dimensions=dimensions[:1])["Metrics"]
    assert [(m["Namespace"], m["MetricName"]) for m in listed] == [("Test/List", "m")]
    assert sorted(listed[0]["Dimensions"], key=lambda d: d["Name"]) == dimensions[::-1]
    assert call("ListMetrics", Namespace="Test/Nothing")["Metrics"] == []


def test_searches_find_metrics(call, protocol):
    start, namespace = minute() - 600, f"Test/Search-{protocol}"
    call("PutMetricData", Namespace=namespace, MetricData=[
        {"MetricName": name, "Value": float(value), "Timestamp": Timestamp(start),
         "Dimensions": [{"Name": "Host", "Value": host}]}
        for name, host, value in (("LoadAverage", "web-1", 1), ("LoadAverage", "web-2", 2), ("LoadAverage", "db-1", 4),
                                  ("RequestCount", "web-1", 8))])
    schema = f'{{"{namespace}",Host}}'
    queries = [
        {"Id": "loads", "Expression": f"SEARCH('{schema} load NOT Host=db', 'Sum', 60)"},
        {"Id": "total", "Expression": f"SUM(SEARCH('{schema} MetricName=\"LoadAverage\"', 'Sum', 60))"},
        {"Id": "top", "Label": "top", "Period": 60,
         "Expression": f"SORT(SEARCH('{schema} (\"RequestCount\" OR db)', 'Maximum'), MAX, DESC)"},
        {"Id": "none", "Expression": f"SEARCH('{schema} nothing', 'Sum', 60)"}]
    found = call("GetMetricData", MetricDataQueries=queries, StartTime=start, EndTime=start + 60)
    assert [(r["Id"], r["Label"], r["Values"]) for r in found["MetricDataResults"]] == [
        ("loads", "web-1 LoadAverage", [1.0]), ("loads", "web-2 LoadAverage", [2.0]), ("total", "total", [7.0]),
        ("top", "top web-1 RequestCount", [8.0]), ("top", "top db-1 LoadAverage", [4.0])]


@pytest.mark.parametrize("operation, members, code, type_name, words", [
    ("PutMetricData", {"Namespace": "AWS/Mine", "MetricData": [{"MetricName": "m", "Value": 1.0}]},
     "InvalidParameterValue", "InvalidParameterValueException", "Namespace is invalid"),
    ("PutMetricData", {"Namespace": "Test", "MetricData": []},
     "MissingParameter", "MissingRequiredParameterException", "MetricData is required"),
    ("PutMetricData", {"Namespace": "Test", "MetricData": [{"MetricName": "m", "Value": 1.0, "StatisticValues": {
        "SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}}]},
     "InvalidParameterCombination", "InvalidParameterCombinationException", "mutually exclusive"),
    ("PutMetricData", {"Namespace": "Test", "MetricData": [{"MetricName": "m", "Value": 1.0, "Unit": "Feet"}]},
     "ValidationError", "ValidationError", "enum value set"),
    ("GetMetricStatistics", {"Namespace": "Test", "MetricName": "m", "StartTime": 0, "EndTime": 86401,
                             "Period": 60, "Statistics": ["Sum"]},
     "InvalidParameterCombination", "InvalidParameterCombinationException", "up to 1441 datapoints"),
    ("GetMetricData", {"StartTime": 60, "EndTime": 0, "MetricDataQueries": [{"Id": "q"}]},
     "ValidationError", "ValidationError", "EndTime must be greater than StartTime"),
    ("GetMetricData", {"StartTime": 0, "EndTime": 60, "MetricDataQueries": [
        {"Id": "q", "Expression": "SEARCH('{Test m', 'Sum', 60)"}]},
     "ValidationError", "ValidationError",
     "Error in expression 'q': a comma or } was expected (at position 15)"),
    ("PutMetricAlarm", {"AlarmName": "searching", "EvaluationPeriods": 1, "Threshold": 1.0,
                        "ComparisonOperator": "GreaterThanThreshold", "Metrics": [
                            {"Id": "q", "Expression": "SUM(SEARCH('{Test} m', 'Sum', 60))"}]},
     "ValidationError", "ValidationError", "SEARCH is not supported on Metric Alarms."),
    ("GetMetricData", {"StartTime": 0, "EndTime": 60, "MetricDataQueries": [
        {"Id": "q", "Expression": "m1 / m2"}]},
     "ValidationError", "ValidationError", "there is no query with the id 'm1' (at position 1)"),
    ("GetMetricData", {"StartTime": 0, "EndTime": 60, "MetricDataQueries": [
        {"Id": "q", "Expression": "1 + 1"}]},
     "ValidationError", "ValidationError", "the result must be a time series"),
    ("ListMetrics", {"NextToken": "zz"}, "InvalidNextToken", "InvalidNextToken", "NextToken"),
])
def test_errors_name_what_is_wrong(call, protocol, operation, members, code, type_name, words):
    with pytest.raises(CallError) as error:
        call(operation, **members)
    assert error.value.code == code
    assert error.value.status == 400
    assert words in error.value.message
    if protocol != "query":
        assert error.value.type_name == type_name


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused_whole(weir, number):
    text = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(number)]
    for perform, value in ((call_cbor, number), (call_json, text), (call_query, number)):
        with pytest.raises(CallError) as error:
            perform(weir, "PutMetricData", Namespace="Test/NaN", MetricData=[
                {"MetricName": "good", "Value": 1.0}, {"MetricName": "m", "Value": value}])
        assert error.value.code == "InvalidParameterValue"
        assert "for parameter MetricData.member.2.Value is invalid" in error.value.message
    assert call_json(weir, "ListMetrics", Namespace="Test/NaN")["Metrics"] == []


def test_data_outside_the_time_window_are_refused(weir):
    for offset, words in ((-14 * 86400 - 60, "within the past two weeks"),
                          (2 * 3600 + 60, "no more than two hours in the future")):
        with pytest.raises(CallError, match=words):
            call_json(weir, "PutMetricData", Namespace="Test/Window", MetricData=[
                {"MetricName": "m", "Value": 1, "Timestamp": time.time() + offset}])


def call_query_by_hand(weir, operation: str, compress: bool = False, **members):
    """AWS Query without boto3, whose version here does not compress it."""
    def flatten(prefix: str, value):
        if isinstance(value, dict):
            for key, v in value.items():
                yield from flatten(f"{prefix}.{key}" if prefix else key, v)
        elif isinstance(value, list):
            for i, v in enumerate(value):
                yield from flatten(f"{prefix}.member.{i + 1}", v)
        elif isinstance(value, Timestamp):
            yield prefix, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value))
        else:
            yield prefix, str(value)

    body = urllib.parse.urlencode([("Action", operation), ("Version", "2010-08-01"), *flatten("", members)])
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    with send(weir, "/", headers, body.encode(), compress) as response:
        text = response.read().decode()
        assert response.status == 200, text
        assert f"<{operation}Response" in text and response.headers["Content-Type"] == "text/xml"
        return {}


@pytest.mark.parametrize("perform", [call_query_by_hand, call_json, call_cbor])
def test_bodies_may_be_compressed(weir, perform):
    start = minute()
    data = 50 if perform is call_query_by_hand else 1000  # each value is a parameter
    perform(weir, "PutMetricData", compress=True, Namespace="Test/Gzip", MetricData=[
        {"MetricName": perform.__name__, "Timestamp": Timestamp(start), "Values": [1.0] * 150}] * data)
    result = call_json(weir, "GetMetricStatistics", Namespace="Test/Gzip", StartTime=start,
                       MetricName=perform.__name__, EndTime=start + 60, Period=60,
                       Statistics=["SampleCount"])
    assert result["Datapoints"][0]["SampleCount"] == data * 150


def every_operation(call, tag: str) -> set:
    """Each of CloudWatch's operations that weir has, once. Returns their names."""
    done, start, name = set(), minute(), f"matrix {tag}"
    arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"

    def do(operation: str, **members):
        done.add(operation)
        return call(operation, **members)

    metric = {"Namespace": "Test/Matrix", "MetricName": tag}
    assert do("PutMetricData", Namespace="Test/Matrix", MetricData=[
        {"MetricName": tag, "Value": 3.0, "Timestamp": Timestamp(start)}]) == {}
    assert do("ListMetrics", **metric)["Metrics"] == [{**metric, "Dimensions": []}]
    assert do("GetMetricStatistics", **metric, StartTime=start, EndTime=start + 60, Period=60,
              Statistics=["Sum"])["Datapoints"] == [{"Timestamp": start, "Sum": 3.0, "Unit": "None"}]
    (found,) = do("GetMetricData", StartTime=start, EndTime=start + 60, MetricDataQueries=[
        {"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}])["MetricDataResults"]
    assert found["Values"] == [3.0] and found["Timestamps"] == [start]

    rule = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    assert do("PutMetricAlarm", AlarmName=name, **metric, **rule, Period=60, Statistic="Sum",
              Tags=[{"Key": "a", "Value": "1"}]) == {}
    assert do("PutCompositeAlarm", AlarmName=f"{name} all", AlarmRule=f'ALARM("{name}")') == {}
    (alarm,) = do("DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert alarm["Threshold"] == 1.0 and alarm["ActionsEnabled"] is True and alarm["AlarmArn"] == arn
    assert [a["AlarmName"] for a in do("DescribeAlarmsForMetric", **metric)["MetricAlarms"]] == [name]
    assert do("DisableAlarmActions", AlarmNames=[name]) == {}
    assert call("DescribeAlarms", AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"] is False
    assert do("EnableAlarmActions", AlarmNames=[name]) == {}
    assert do("SetAlarmState", AlarmName=name, StateValue="OK", StateReason="matrix") == {}
    items = do("DescribeAlarmHistory", AlarmName=name, HistoryItemType="ConfigurationUpdate")["AlarmHistoryItems"]
    assert f'Alarm "{name}" created' in [item["HistorySummary"] for item in items]
    assert do("TagResource", ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}]) == {}
    assert do("UntagResource", ResourceARN=arn, TagKeys=["a"]) == {}
    assert do("ListTagsForResource", ResourceARN=arn) == {"Tags": [{"Key": "b", "Value": "2"}]}
    for gone in (f"{name} all", name):
        assert do("DeleteAlarms", AlarmNames=[gone]) == {}
    assert call("DescribeAlarms", AlarmNames=[name])["MetricAlarms"] == []
    return done


def test_every_operation_in_every_protocol(weir, call, protocol):
    done = every_operation(call, protocol)
    with pytest.raises(CallError) as unknown:
        call_json(weir, "NoSuchOperation")
    offered = set(re.findall(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+", unknown.value.message.split("has", 1)[-1]))
    assert done >= {operation for operation in offered if operation != "NoSuchOperation"}
    assert len(done) == 16


def test_a_body_that_is_no_gzip_is_refused(weir):
    headers = {"Content-Type": "application/x-amz-json-1.0", "Content-Encoding": "gzip",
               "X-Amz-Target": f"{PREFIX}.PutMetricData"}
    with send(weir, "/", headers, b"not compressed") as response:
        assert response.status == 400


@pytest.mark.parametrize("program", command_lines_of_aws())
def test_the_command_line_puts_and_reads(weir, program):
    """Debian's AWS CLI speaks Query, current ones JSON."""
    name = "cli-" + program.strip("/").replace("/", "-")
    weir.aws("cloudwatch", "put-metric-data", "--namespace", "Test/CLI", "--metric-name", name,
             "--dimensions", "Host=a,Disk=b", "--value", "42", "--unit", "Percent", program=program)
    listed = json.loads(weir.aws("cloudwatch", "list-metrics", "--metric-name", name,
                                 "--output", "json", program=program).stdout)["Metrics"]
    assert len(listed) == 1
    query = [{"Id": "q", "MetricStat": {"Metric": listed[0], "Period": 300, "Stat": "Maximum"}},
             {"Id": "half", "Expression": "q / 2"}]
    result = json.loads(weir.aws(
        "cloudwatch", "get-metric-data", "--metric-data-queries", json.dumps(query), "--start-time",
        str(minute() - 300), "--end-time", str(minute() + 300), "--output", "json",
        program=program).stdout)
    assert [r["Values"] for r in result["MetricDataResults"]] == [[42.0], [21.0]]
    refused = weir.aws("cloudwatch", "put-metric-data", "--namespace", "AWS/CLI", "--metric-name",
                       name, "--value", "1", program=program, check=False)
    assert refused.returncode != 0
    assert "InvalidParameterValue" in refused.stderr


def test_wrong_keys_are_refused(weir):
    client = weir.client("cloudwatch", aws_secret_access_key="wrong")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client.list_metrics()
    assert error.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


# --- the metrics of endpoints -------------------------------------------------------------------------


def statistic(weir, name: str, metric: str, statistic_name: str, seconds: int = 60,
              namespace: str = "AWS/SageMaker") -> list:
    """The statistic of the last seconds, by the second; seconds without data are left out."""
    now = int(time.time())
    points = call_json(weir, "GetMetricStatistics", Namespace=namespace, MetricName=metric,
                       Dimensions=[{"Name": "EndpointName", "Value": name},
                                   {"Name": "VariantName", "Value": "AllTraffic"}],
                       StartTime=now - seconds, EndTime=now + 1, Period=1,
                       Statistics=[statistic_name])["Datapoints"]
    return [p[statistic_name] for p in sorted(points, key=lambda p: p["Timestamp"])]


def test_an_endpoint_has_sagemaker_s_metrics(weir, model_file):
    name = "metrics-ep"
    weir.make_endpoint(name, model_url=f"file://{model_file}")
    eventually(lambda: statistic(weir, name, "Invocations", "Sum"), why="zeros while idle")
    assert set(statistic(weir, name, "Invocations", "Sum")) == {0.0}
    eventually(lambda: statistic(weir, name, "ConcurrentRequestsPerModel", "Maximum"))

    runtime = weir.client("sagemaker-runtime")
    for _ in range(5):
        runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv",
                                Body="1,0.455,0.365,0.095,0.514,0.2245,0.101,0.15")
    with pytest.raises(botocore.exceptions.ClientError):
        runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body="not a row")
    eventually(lambda: sum(statistic(weir, name, "Invocations", "Sum")) == 6)
    assert sum(statistic(weir, name, "InvocationsPerInstance", "Sum")) == pytest.approx(6)
    assert sum(statistic(weir, name, "Invocation4XXErrors", "Sum")) == 1
    assert sum(statistic(weir, name, "InvocationModelErrors", "Sum")) == 1
    assert sum(statistic(weir, name, "Invocation5XXErrors", "Sum")) == 0
    assert sum(statistic(weir, name, "ModelLatency", "SampleCount")) == 6
    assert all(0 < value < 10e6 for value in statistic(weir, name, "ModelLatency", "Average"))
    assert all(0 < value < 10e6 for value in statistic(weir, name, "OverheadLatency", "Average"))

    usage = "/aws/sagemaker/Endpoints"
    assert eventually(lambda: statistic(weir, name, "CPUUtilization", "SampleCount", namespace=usage))
    assert all(0 <= value <= 100
               for value in statistic(weir, name, "MemoryUtilization", "Average", namespace=usage))
