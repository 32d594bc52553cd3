// Drives CloudWatch with AWS's SDK for JavaScript v3. Prints what it saw as JSON.
// usage: node cloudwatch.js URL cbor|default; keys are in the environment
import * as cw from "@aws-sdk/client-cloudwatch";
import { AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";

const protocols = new Set();
const [url, protocol] = process.argv.slice(2);
const client = new cw.CloudWatchClient({
  endpoint: url, region: "us-east-1", maxAttempts: 1, ...(protocol === "cbor" && { protocol: AwsSmithyRpcV2CborProtocol }),
});
client.middlewareStack.add(
  (next) => (call) => {
    const sent = call.request.headers;
    // in CBOR the SDK leaves the length from before compression there, and no server could answer
    if (sent["content-encoding"]) sent["content-length"] = String(call.request.body.byteLength);
    protocols.add([sent["content-type"], sent["content-encoding"] ?? "plain", call.request.path].join(" "));
    return next(call);
  },
  { step: "build", name: "see", priority: "low" },
);

const now = Math.floor(Date.now() / 60000) * 60000;
const at = new Date(now - 10 * 60000);
const Dimensions = [{ Name: "Client", Value: "JavaScript v3 ✓" }];
const Namespace = `Js/${protocol}`;
const id = { Namespace, MetricName: "latency" };
const range = { StartTime: at, EndTime: new Date(now - 9 * 60000) };

async function refusal(command) {
  try {
    await client.send(command);
    return "accepted";
  } catch (error) {
    return { name: error.name, message: error.message, status: error.$metadata.httpStatusCode };
  }
}

const ascii = [{ Name: "Client", Value: "JavaScript" }];
await client.send(new cw.PutMetricDataCommand({
  Namespace,
  MetricData: [{
    MetricName: "latency", Dimensions: ascii, Timestamp: at, Unit: "Milliseconds", StorageResolution: 1,
    Values: [1, 2.5, 100], Counts: [50, 49, 1],
  }],
}));
const many = Array.from({ length: 900 }, (_, i) => ({ MetricName: `many${i % 30}`, Timestamp: at, Value: i }));
await client.send(new cw.PutMetricDataCommand({ Namespace, MetricData: many })); // long enough to be gzipped

const statistics = await client.send(new cw.GetMetricStatisticsCommand({
  ...id, ...range, Dimensions: ascii, Period: 60, Statistics: ["Sum", "SampleCount", "Maximum"],
}));
const percentiles = await client.send(new cw.GetMetricStatisticsCommand({
  ...id, ...range, Dimensions: ascii, Period: 60, ExtendedStatistics: ["p50", "p99.9"],
}));
const data = await client.send(new cw.GetMetricDataCommand({
  ...range,
  MetricDataQueries: [
    { Id: "m", MetricStat: { Metric: { ...id, Dimensions: ascii }, Period: 60, Stat: "Sum" }, ReturnData: false },
    { Id: "e", Expression: "m / 2" },
    { Id: "s", Expression: `SUM(SEARCH('{"${Namespace}",Client} latency', 'Sum', 60))` },
  ],
}));
await client.send(new cw.PutMetricAlarmCommand({
  ...id, AlarmName: "js", Dimensions: ascii, Period: 60, EvaluationPeriods: 1, Statistic: "Sum", Threshold: 1,
  ComparisonOperator: "GreaterThanThreshold",
}));
const alarms = await client.send(new cw.DescribeAlarmsCommand({ AlarmNames: ["js"] }));
const ResourceARN = alarms.MetricAlarms[0].AlarmArn;
await client.send(new cw.PutCompositeAlarmCommand({ AlarmName: "js all", AlarmRule: 'ALARM("js")' }));
const watching = await client.send(new cw.DescribeAlarmsForMetricCommand({ ...id, Dimensions: ascii }));
await client.send(new cw.DisableAlarmActionsCommand({ AlarmNames: ["js"] }));
await client.send(new cw.EnableAlarmActionsCommand({ AlarmNames: ["js"] }));
await client.send(new cw.SetAlarmStateCommand({ AlarmName: "js", StateValue: "ALARM", StateReason: "test ✓" }));
await client.send(new cw.TagResourceCommand({ ResourceARN, Tags: [{ Key: "a", Value: "1" }, { Key: "b", Value: "2" }] }));
await client.send(new cw.UntagResourceCommand({ ResourceARN, TagKeys: ["a"] }));
const tags = await client.send(new cw.ListTagsForResourceCommand({ ResourceARN }));
const history = await client.send(new cw.DescribeAlarmHistoryCommand({ AlarmName: "js", HistoryItemType: "ConfigurationUpdate" }));
await client.send(new cw.DeleteAlarmsCommand({ AlarmNames: ["js all"] }));
await client.send(new cw.DeleteAlarmsCommand({ AlarmNames: ["js"] }));

const names = [];
for await (const page of cw.paginateListMetrics({ client }, { Namespace })) {
  names.push(...page.Metrics.map((metric) => metric.MetricName));
}

console.log(JSON.stringify({
  names: names.sort(),
  statistics: statistics.Datapoints,
  percentiles: percentiles.Datapoints,
  data: data.MetricDataResults,
  alarm: { state: alarms.MetricAlarms[0].StateValue, updated: alarms.MetricAlarms[0].StateUpdatedTimestamp instanceof Date },
  watching: watching.MetricAlarms.map((alarm) => alarm.AlarmName),
  tags: tags.Tags,
  created: history.AlarmHistoryItems.map((item) => [item.HistorySummary, item.Timestamp instanceof Date]),
  unicode: await refusal(new cw.PutMetricDataCommand({
    Namespace, MetricData: [{ MetricName: "x", Dimensions, Value: 1 }],
  })),
  nan: await refusal(new cw.PutMetricDataCommand({ Namespace, MetricData: [{ MetricName: "x", Value: NaN }] })),
  infinite: await refusal(new cw.PutMetricDataCommand({
    Namespace, MetricData: [{ MetricName: "x", Values: [1, -Infinity] }],
  })),
  missing: await refusal(new cw.SetAlarmStateCommand({ AlarmName: "none", StateValue: "OK", StateReason: "test" })),
  protocols: [...protocols].sort(),
}));
