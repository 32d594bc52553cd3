"""CloudWatch's alarms: what they see, say and set off; every operation, with every client."""
import concurrent.futures
import http.server
import json
import os
import signal
import threading
import time

import botocore.exceptions
import pytest

from conftest import command_lines_of_aws, eventually
from test_cloudwatch import PROTOCOLS, CallError

NAMESPACE = "Test/Alarms"
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"


@pytest.fixture(scope="module")
def cloudwatch(weir):
    return weir.client("cloudwatch")


@pytest.fixture(scope="module")
def listener():
    """A web server that keeps what is posted; paths that begin with /busy answer 503 the first time."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            busy = self.path.startswith("/busy") and self.path not in [path for path, _, _ in received]
            received.append((self.path, dict(self.headers), body))
            self.send_response(503 if busy else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    server.at = lambda path: [body for at, _, body in received if at == path]
    server.received = received
    yield server
    server.shutdown()
    server.server_close()


def fill(cloudwatch, metric: str, value: float, **more):
    """The same value in each minute from a while ago to a while ahead: what alarms see does not hang on
    when they look."""
    now = time.time() // 60 * 60
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[
        {"MetricName": metric, "Timestamp": now + 60 * i, "Value": value, **more} for i in range(-10, 30)])


def alarm(name: str, metric: str, threshold: float = 3.0, **more) -> dict:
    return {"AlarmName": name, "Namespace": NAMESPACE, "MetricName": metric, "Statistic": "Average", "Period": 60,
            "EvaluationPeriods": 2, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold", **more}


def describe(cloudwatch, *names: str, **more) -> list:
    return cloudwatch.describe_alarms(AlarmNames=list(names), **more)["MetricAlarms"]


def state(cloudwatch, name: str) -> str:
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return (found["MetricAlarms"] + found["CompositeAlarms"])[0]["StateValue"]


def await_state(cloudwatch, name: str, wanted: str):
    eventually(lambda: state(cloudwatch, name) == wanted, 60, f"{name} is {wanted}")


def history(cloudwatch, name: str, **more) -> list:
    return cloudwatch.describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending", **more)["AlarmHistoryItems"]


def refusal(call, **members) -> tuple:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**members)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_an_alarm_follows_its_metric_and_tells_people(cloudwatch, listener):
    fill(cloudwatch, "load", 5.0)
    url = listener.url + "/load"
    cloudwatch.put_metric_alarm(**alarm("follows", "load", AlarmDescription="too much", AlarmActions=[url],
                                        OKActions=[url]))
    await_state(cloudwatch, "follows", "ALARM")
    (found,) = describe(cloudwatch, "follows")
    assert found["AlarmArn"] == ARN + "follows"
    assert found["StateReason"].startswith("Threshold Crossed: 2 datapoints [5.0 (")
    assert found["StateReason"].endswith(")] were greater than the threshold (3.0).")
    data = json.loads(found["StateReasonData"])
    assert (data["recentDatapoints"], data["threshold"], data["statistic"]) == ([5.0, 5.0], 3.0, "Average")
    assert found["ActionsEnabled"] and found["InsufficientDataActions"] == [] and found["Dimensions"] == []
    assert "DatapointsToAlarm" not in found and "Unit" not in found

    (message,) = eventually(lambda: listener.at("/load"))
    assert message["AlarmName"] == "follows" and message["AlarmDescription"] == "too much"
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["NewStateReason"] == found["StateReason"] and message["AlarmArn"] == ARN + "follows"
    assert message["Trigger"]["MetricName"] == "load" and message["Trigger"]["Statistic"] == "AVERAGE"
    assert message["Trigger"]["Threshold"] == 3.0 and message["AWSAccountId"] == "000000000000"

    # an update keeps the state until it is judged anew
    cloudwatch.put_metric_alarm(**alarm("follows", "load", 7.0, OKActions=[url]))
    await_state(cloudwatch, "follows", "OK")
    assert eventually(lambda: listener.at("/load")[1:])[0]["NewStateValue"] == "OK"
    eventually(lambda: len(history(cloudwatch, "follows", HistoryItemType="Action")) == 2)
    items = history(cloudwatch, "follows")
    assert [i["HistorySummary"] for i in items if i["HistoryItemType"] != "Action"] == [
        'Alarm "follows" created', "Alarm updated from INSUFFICIENT_DATA to ALARM", 'Alarm "follows" updated',
        "Alarm updated from ALARM to OK"]
    changes = json.loads(items[1]["HistoryData"])
    assert changes["oldState"]["stateValue"] == "INSUFFICIENT_DATA"
    assert changes["newState"]["stateReasonData"]["recentDatapoints"] == [5.0, 5.0]
    (first, *_) = history(cloudwatch, "follows", HistoryItemType="Action")
    assert first["HistorySummary"] == f"Successfully executed action {url}"


def test_webhooks_are_tried_again_and_their_failure_is_told(cloudwatch, listener):
    fill(cloudwatch, "busy", 5.0)
    urls = [listener.url + "/busy", "arn:aws:sns:us-east-1:000000000000:nobody"]
    cloudwatch.put_metric_alarm(**alarm("busy", "busy", AlarmActions=urls))
    first, second = eventually(lambda: len(listener.at("/busy")) == 2 and listener.at("/busy"))
    assert first == second
    actions = eventually(lambda: len(history(cloudwatch, "busy", HistoryItemType="Action")) == 2
                         and history(cloudwatch, "busy", HistoryItemType="Action"))
    assert sorted(i["HistorySummary"] for i in actions) == [
        f"Failed to execute action {urls[1]}", f"Successfully executed action {urls[0]}"]


def test_metric_math_percentiles_and_high_resolution(cloudwatch):
    fill(cloudwatch, "errors", 20.0)
    fill(cloudwatch, "requests", 200.0)
    metric = lambda id_, name: {"Id": id_, "ReturnData": False, "MetricStat": {
        "Metric": {"Namespace": NAMESPACE, "MetricName": name}, "Period": 60, "Stat": "Sum"}}
    cloudwatch.put_metric_alarm(AlarmName="math", EvaluationPeriods=1, Threshold=5,
                                ComparisonOperator="GreaterThanOrEqualToThreshold",
                                Metrics=[metric("e", "errors"), metric("r", "requests"),
                                         {"Id": "rate", "Expression": "100 * e / r", "Label": "percent"}])
    await_state(cloudwatch, "math", "ALARM")
    (found,) = describe(cloudwatch, "math")
    assert json.loads(found["StateReasonData"])["recentDatapoints"] == [10.0]
    assert "statistic" not in json.loads(found["StateReasonData"])
    assert [m["Id"] for m in found["Metrics"]] == ["e", "r", "rate"] and "Period" not in found

    few = alarm("few samples", "errors", EvaluateLowSampleCountPercentile="ignore", ExtendedStatistic="p99")
    del few["Statistic"]
    cloudwatch.put_metric_alarm(**few)
    cloudwatch.put_metric_alarm(**{**few, "AlarmName": "judged", "EvaluateLowSampleCountPercentile": "evaluate"})
    now = int(time.time())
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[
        {"MetricName": "fast", "Timestamp": now + i, "Value": 9.0, "StorageResolution": 1} for i in range(-60, 300)])
    cloudwatch.put_metric_alarm(**alarm("quick", "fast", Period=10, TreatMissingData="notBreaching"))
    await_state(cloudwatch, "quick", "ALARM")
    await_state(cloudwatch, "judged", "ALARM")
    assert state(cloudwatch, "few samples") == "INSUFFICIENT_DATA"


def test_composite_alarms_and_who_depends_on_them(cloudwatch, listener):
    for name, value in (("part 1", 5.0), ("part 2", 1.0)):
        fill(cloudwatch, name, value)
        cloudwatch.put_metric_alarm(**alarm(name, name))
    await_state(cloudwatch, "part 1", "ALARM")
    await_state(cloudwatch, "part 2", "OK")
    put = lambda name, rule, **more: cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule, **more)
    put("whole", f'ALARM("part 1") AND NOT ALARM("{ARN}part 2")', AlarmActions=[listener.url + "/whole"])
    put("above", "ALARM(whole) OR OK(whole)")
    await_state(cloudwatch, "above", "ALARM")
    found = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"], AlarmNames=["whole"])
    (whole,) = found["CompositeAlarms"]
    assert found["MetricAlarms"] == [] and whole["StateValue"] == "ALARM"
    assert whole["StateReason"].startswith(f"{ARN}part ")
    assert json.loads(whole["StateReasonData"])["triggeringAlarms"][0]["arn"].startswith(f"{ARN}part ")
    (message,) = eventually(lambda: listener.at("/whole"))
    assert message["AlarmRule"] == whole["AlarmRule"] and "Trigger" not in message

    children = cloudwatch.describe_alarms(ChildrenOfAlarmName="whole")["MetricAlarms"]
    assert [sorted(c) for c in children] == [["AlarmArn", "AlarmName", "StateUpdatedTimestamp", "StateValue"]] * 2
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName="part 2")["CompositeAlarms"]
    assert parents == [{"AlarmName": "whole", "AlarmArn": ARN + "whole"}]
    assert "whole" not in [a["AlarmName"] for a in cloudwatch.describe_alarms()["MetricAlarms"]]

    cloudwatch.set_alarm_state(AlarmName="part 2", StateValue="ALARM", StateReason="by hand")
    assert state(cloudwatch, "whole") == "OK" and state(cloudwatch, "above") == "ALARM"
    cloudwatch.put_metric_alarm(**alarm("part 2", "part 2"))  # judged anew at once, not at the next minute
    await_state(cloudwatch, "part 2", "OK")
    await_state(cloudwatch, "whole", "ALARM")

    assert refusal(cloudwatch.put_composite_alarm, AlarmName="x", AlarmRule="ALARM(nobody)") == (
        "ValidationError",
        "Could not save the composite alarm as alarms [nobody] in the alarm rule do not exist")
    assert refusal(cloudwatch.put_composite_alarm, AlarmName="whole", AlarmRule="ALARM(above)") == (
        "ValidationError", "Could not save the composite alarm as its rule would depend on itself")
    assert refusal(cloudwatch.put_composite_alarm, AlarmName="x", AlarmRule="ALARM(")[1].startswith(
        "AlarmRule is not valid: ")
    assert refusal(cloudwatch.delete_alarms, AlarmNames=["part 1", "part 2"]) == (
        "ValidationError", "Cannot delete part 1,part 2 as there are composite alarm(s) depending on them.")
    assert refusal(cloudwatch.delete_alarms, AlarmNames=["whole"]) == (
        "ValidationError", "Cannot delete whole as there are composite alarm(s) depending on it.")
    cloudwatch.delete_alarms(AlarmNames=["above"])
    cloudwatch.delete_alarms(AlarmNames=["whole", "part 1", "part 2", "there is none"])
    assert describe(cloudwatch, "part 1", "part 2", AlarmTypes=["MetricAlarm", "CompositeAlarm"]) == []
    assert history(cloudwatch, "part 1")[-1]["HistorySummary"] == 'Alarm "part 1" deleted'


def test_a_suppressor_holds_actions_back(cloudwatch, listener):
    for name in ("cause", "maintenance"):
        cloudwatch.put_metric_alarm(**alarm(name, "no data", TreatMissingData="ignore"))  # stays as it is set
    cloudwatch.set_alarm_state(AlarmName="maintenance", StateValue="ALARM", StateReason="begins")
    cloudwatch.put_composite_alarm(AlarmName="held", AlarmRule="ALARM(cause)", AlarmActions=[listener.url + "/held"],
                                   ActionsSuppressor="maintenance", ActionsSuppressorWaitPeriod=60,
                                   ActionsSuppressorExtensionPeriod=0)
    cloudwatch.set_alarm_state(AlarmName="cause", StateValue="ALARM", StateReason="expected")
    held = lambda: cloudwatch.describe_alarms(AlarmNames=["held"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    assert (held()["StateValue"], held()["ActionsSuppressedBy"]) == ("ALARM", "Alarm")
    assert held()["ActionsSuppressor"] == "maintenance" and held()["ActionsSuppressedReason"]
    assert listener.at("/held") == []
    cloudwatch.set_alarm_state(AlarmName="maintenance", StateValue="OK", StateReason="ends")
    (message,) = eventually(lambda: listener.at("/held"))
    assert message["NewStateValue"] == "ALARM"
    assert "ActionsSuppressedBy" not in held()
    assert refusal(cloudwatch.put_composite_alarm, AlarmName="x", AlarmRule="TRUE", ActionsSuppressor="nobody",
                   ActionsSuppressorWaitPeriod=1, ActionsSuppressorExtensionPeriod=1)[0] == "ValidationError"


def test_states_actions_and_tags(cloudwatch):
    cloudwatch.put_metric_alarm(**alarm("mine", "nothing", Tags=[{"Key": "team", "Value": "a"}]))
    cloudwatch.disable_alarm_actions(AlarmNames=["mine", "there is none"])
    assert not describe(cloudwatch, "mine")[0]["ActionsEnabled"]
    cloudwatch.enable_alarm_actions(AlarmNames=["mine"])
    assert describe(cloudwatch, "mine")[0]["ActionsEnabled"]
    assert refusal(cloudwatch.set_alarm_state, AlarmName="nobody", StateValue="OK", StateReason="")[0] == "ResourceNotFound"
    assert refusal(cloudwatch.set_alarm_state, AlarmName="mine", StateValue="OK", StateReason="",
                   StateReasonData="{")[0] == "InvalidFormat"

    arn = ARN + "mine"
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "k", "Value": ""}])
    tags = lambda: {t["Key"]: t["Value"] for t in cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}
    assert tags() == {"team": "b", "k": ""}
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team", "x"])
    assert tags() == {"k": ""}
    cloudwatch.delete_alarms(AlarmNames=["mine"])
    assert refusal(cloudwatch.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"


def test_alarms_are_found_and_come_in_pages(cloudwatch):
    for i in range(5):
        cloudwatch.put_metric_alarm(**alarm(f"page-{i}", "paged", Dimensions=[{"Name": "i", "Value": str(i // 2)}],
                                            AlarmActions=[f"arn:aws:sns:us-east-1:000000000000:topic-{i}"]))
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="page-", PaginationConfig={"PageSize": 2})
    assert [[a["AlarmName"] for a in p["MetricAlarms"]] for p in pages] == [
        ["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]
    names = lambda **more: [a["AlarmName"] for a in cloudwatch.describe_alarms(**more)["MetricAlarms"]]
    assert names(ActionPrefix="arn:aws:sns:us-east-1:000000000000:topic-3") == ["page-3"]
    assert names(AlarmNamePrefix="page-", StateValue="ALARM") == []
    found = cloudwatch.describe_alarms_for_metric(MetricName="paged", Namespace=NAMESPACE,
                                                  Dimensions=[{"Name": "i", "Value": "1"}])["MetricAlarms"]
    assert [a["AlarmName"] for a in found] == ["page-2", "page-3"]
    assert cloudwatch.describe_alarms_for_metric(MetricName="paged", Namespace=NAMESPACE)["MetricAlarms"] == []
    items = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName="page-0", PaginationConfig={"PageSize": 1})
    assert [len(p["AlarmHistoryItems"]) for p in items][0] == 1


@pytest.mark.parametrize("changes, words", [
    ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
    ({"Period": 5}, "Period must be 10, 20, 30 or a multiple of 60"),
    ({"DatapointsToAlarm": 3}, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
    ({"EvaluationPeriods": 1441}, "Metrics cannot be checked across more than a day"),
    ({"TreatMissingData": "never"}, "Supported values for TreatMissingData are"),
    ({"ExtendedStatistic": "p99"}, "both Statistic and ExtendedStatistic"),
    ({"Statistic": None}, "should have a Statistic parameter"),
    ({"Period": None}, "should have a Period parameter"),
    ({"Threshold": None}, "should have valid Threshold parameter"),
    ({"AlarmActions": ["mailto:me"]}, "Invalid arn syntax: mailto:me"),
])
def test_what_cannot_be_is_refused(cloudwatch, changes, words):
    members = {k: v for k, v in {**alarm("refused", "m"), **changes}.items() if v is not None}
    code, message = refusal(cloudwatch.put_metric_alarm, **members)
    assert code == "ValidationError" and words in message
    assert describe(cloudwatch, "refused") == []


@pytest.mark.parametrize("protocol", ["json", "cbor"])
def test_alarms_in_the_other_protocols(weir, protocol):
    def call(operation, **members):
        return PROTOCOLS[protocol](weir, operation, **members)

    name = f"in {protocol}"
    assert call("PutMetricAlarm", **alarm(name, "m", Tags=[{"Key": "k", "Value": "v"}])) == {}
    (found,) = call("DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert found["Threshold"] == 3.0 and found["EvaluationPeriods"] == 2 and found["OKActions"] == []
    assert call("PutCompositeAlarm", AlarmName=name + " composite", AlarmRule=f'ALARM("{name}")') == {}
    assert call("SetAlarmState", AlarmName=name, StateValue="ALARM", StateReason="why") == {}
    assert call("ListTagsForResource", ResourceARN=ARN + name) == {"Tags": [{"Key": "k", "Value": "v"}]}
    items = call("DescribeAlarmHistory", AlarmName=name)["AlarmHistoryItems"]
    assert "Alarm updated from INSUFFICIENT_DATA to ALARM" in [i["HistorySummary"] for i in items]
    with pytest.raises(CallError) as error:
        call("SetAlarmState", AlarmName="nobody", StateValue="OK", StateReason="")
    assert (error.value.code, error.value.status) == ("ResourceNotFound", 404)
    for gone in (name + " composite", name):
        assert call("DeleteAlarms", AlarmNames=[gone]) == {}


@pytest.mark.parametrize("program", command_lines_of_aws())
def test_every_operation_by_command_line(weir, program):
    def aws(operation, *words):
        output = weir.aws("cloudwatch", operation, *words, program=program).stdout
        return json.loads(output) if output.strip() else {}

    def at_once(*calls):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda words: aws(*words), calls))

    arn, metric = ARN + "cli", ("--namespace", NAMESPACE, "--metric-name", "m", "--dimensions", "Name=d,Value=v")
    aws("put-metric-alarm", "--alarm-name", "cli", *metric, "--statistic", "Sum", "--period", "60",
        "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "GreaterThanThreshold")
    at_once(("put-composite-alarm", "--alarm-name", "cli-all", "--alarm-rule", "ALARM(cli)"),
            ("disable-alarm-actions", "--alarm-names", "cli"),
            ("tag-resource", "--resource-arn", arn, "--tags", "Key=k,Value=v"),
            ("set-alarm-state", "--alarm-name", "cli", "--state-value", "ALARM", "--state-reason", "why"))
    described, for_metric, tags, history_ = at_once(
        ("describe-alarms", "--alarm-names", "cli"), ("describe-alarms-for-metric", *metric),
        ("list-tags-for-resource", "--resource-arn", arn), ("describe-alarm-history", "--alarm-name", "cli"))
    (found,) = described["MetricAlarms"]
    assert found["Dimensions"] == [{"Name": "d", "Value": "v"}] and not found["ActionsEnabled"]
    assert for_metric["MetricAlarms"][0]["AlarmName"] == "cli"
    assert tags["Tags"] == [{"Key": "k", "Value": "v"}] and history_["AlarmHistoryItems"]
    at_once(("untag-resource", "--resource-arn", arn, "--tag-keys", "k"),
            ("enable-alarm-actions", "--alarm-names", "cli"))
    assert describe(weir.client("cloudwatch"), "cli")[0]["ActionsEnabled"]
    aws("delete-alarms", "--alarm-names", "cli", "cli-all")
    assert describe(weir.client("cloudwatch"), "cli") == []


def test_alarms_survive_a_kill(start_weir):
    weir = start_weir()
    cloudwatch = weir.client("cloudwatch")
    cloudwatch.put_metric_alarm(**alarm("kept", "nothing", TreatMissingData="ignore"))
    cloudwatch.put_composite_alarm(AlarmName="kept above", AlarmRule="ALARM(kept)")
    cloudwatch.set_alarm_state(AlarmName="kept", StateValue="ALARM", StateReason="by hand")
    ask = lambda: [cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])[k]
                   for k in ("MetricAlarms", "CompositeAlarms")] + [history(cloudwatch, "kept")]
    await_state(cloudwatch, "kept above", "ALARM")
    before, old = ask(), weir.children()["control"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: weir.children().get("control", old) != old)
    assert ask() == before


def test_an_alarm_drives_a_step_policy(weir, cloudwatch, model_file):
    weir.make_endpoint("stepped", model_url=f"file://{model_file}")
    scaling = weir.client("application-autoscaling")
    triple = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/stepped/variant/AllTraffic",
              "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    scaling.register_scalable_target(**triple, MinCapacity=1, MaxCapacity=3)
    policy = scaling.put_scaling_policy(PolicyName="up", **triple, PolicyType="StepScaling",
                                        StepScalingPolicyConfiguration={
        "AdjustmentType": "ChangeInCapacity", "Cooldown": 60,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]})
    fill(cloudwatch, "step load", 5.0)
    cloudwatch.put_metric_alarm(**alarm("step", "step load", AlarmActions=[policy["PolicyARN"]]))
    activity = eventually(lambda: scaling.describe_scaling_activities(**triple)["ScalingActivities"])[0]
    assert "monitor alarm step in state ALARM triggered policy up" in activity["Cause"]
    (described,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker",
                                                     PolicyNames=["up"])["ScalingPolicies"]
    assert described["Alarms"] == [{"AlarmName": "step", "AlarmARN": ARN + "step"}]
    cloudwatch.delete_alarms(AlarmNames=["step"])
    scaling.deregister_scalable_target(**triple)


def test_without_its_alarm_a_policy_rests(weir, cloudwatch, model_file):
    weir.make_endpoint("rests", model_url=f"file://{model_file}")
    scaling = weir.client("application-autoscaling")
    triple = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/rests/variant/AllTraffic",
              "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    scaling.register_scalable_target(**triple, MinCapacity=1, MaxCapacity=2)
    put = lambda: scaling.put_scaling_policy(
        PolicyName="p", **triple, PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70, "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}})["Alarms"]
    high, low = [a["AlarmName"] for a in put()]
    assert len(describe(cloudwatch, high, low)) == 2
    # its state set by hand scales as its own judgement would, by the points that come with it
    cloudwatch.set_alarm_state(AlarmName=high, StateValue="ALARM", StateReason="a test", StateReasonData=json.dumps(
        {"recentDatapoints": [100.0, None, 130.0], "threshold": 70.0,
         "queryDate": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())}))
    activity = eventually(lambda: scaling.describe_scaling_activities(**triple)["ScalingActivities"])[-1]
    assert f"monitor alarm {high} in state ALARM triggered policy p" in activity["Cause"]
    assert activity["Description"] == "Setting desired instance count to 2."

    code, message = refusal(cloudwatch.put_metric_alarm, **alarm(high, "m"))
    assert code == "ValidationError" and "belongs to a scaling policy" in message
    cloudwatch.delete_alarms(AlarmNames=[high])
    assert [a["AlarmName"] for a in describe(cloudwatch, high, low)] == [low]
    high, low = [a["AlarmName"] for a in put()]
    assert len(describe(cloudwatch, high, low)) == 2
    assert len(cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-endpoint/rests")["MetricAlarms"]) == 2
    scaling.deregister_scalable_target(**triple)
    assert describe(cloudwatch, high, low) == []
