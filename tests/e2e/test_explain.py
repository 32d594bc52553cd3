"""weir explain: a decision as a page, as a record, and taken again from that."""
import json

from conftest import Load, eventually

TARGET = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def test_a_decision_is_explained_and_made_again(weir, model_file, tmp_path):
    scaling = weir.client("application-autoscaling")
    weir.make_endpoint("told", model_url=f"file://{model_file}")
    target = {**TARGET, "ResourceId": "endpoint/told/variant/AllTraffic"}
    assert "no scaling decision" in weir.command("explain", "told", check=False).stderr
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(
        **target, PolicyName="calls", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 120, "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}})
    load = Load(weir, "told", tmp_path, rate=20)
    try:
        activity = eventually(lambda: [a for a in scaling.describe_scaling_activities(**target)["ScalingActivities"]
                                       if a["StatusCode"] == "Successful"], 60, "scaled out")[0]
    finally:
        load.finish()

    at = str(activity["StartTime"].timestamp())
    page = weir.command("explain", "told", "--at", at).stdout
    for words in ("scaled out, from 1 to 2", "* calls (tracking): metric", "target 120", "bounds 1 to 2", activity["Cause"],
                  "It would have been otherwise with\n  metric"):
        assert words in page, page

    record = weir.command("explain", "told", "--at", at, "--json").stdout
    assert json.loads(record) == json.loads(activity["Details"])
    kept = tmp_path / "record.json"
    kept.write_text(record)
    assert weir.command("explain", "--replay", str(kept)).stdout == "the same decision: scaled out, from 1 to 2\n"
    changed = json.loads(record)
    changed["max"] = changed["desired"]
    kept.write_text(json.dumps(changed))
    other = weir.command("explain", "--replay", str(kept), check=False)
    assert other.returncode == 1
    assert other.stdout == "not scaled out: AlreadyAtMaxCapacity, 1 stay\n"
    kept.write_text("{}")
    assert "no record" in weir.command("explain", "--replay", str(kept), check=False).stderr
