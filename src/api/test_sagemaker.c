/* The SageMaker service on a real control plane (rig.h). */
#include <stdio.h>
#include <string.h>

#include "api/rig.h"
#include "control/key.h"

#define ARN "arn:aws:sagemaker:us-east-1:000000000000:"

enum { PATIENCE_S = 500 /* of simulated time */ };

/* --- endpoints -------------------------------------------------------------------------------- */

static void make_model(struct fixture *f, const char *name)
{
    char input[512];

    snprintf(input, sizeof(input),
             "'ModelName':'%s','PrimaryContainer':{'Image':'weir/xgboost:latest',"
             "'ModelDataUrl':'file:///m.tar.gz','Environment':{'A':'b'}},"
             "'ExecutionRoleArn':'arn:aws:iam::000000000000:role/x','Unknown':1",
             name);
    done(f, "CreateModel", input);
}

static void make_config(struct fixture *f, const char *name, const char *model)
{
    char input[1024];

    snprintf(input, sizeof(input),
             "'EndpointConfigName':'%s','ProductionVariants':[{'VariantName':"
             "'AllTraffic','ModelName':'%s','InstanceType':'ml.m5.large',"
             "'InitialInstanceCount':1,'RoutingConfig':{'RoutingStrategy':"
             "'LEAST_OUTSTANDING_REQUESTS'}}]",
             name, model);
    done(f, "CreateEndpointConfig", input);
}

static void wait_for_status(struct fixture *f, const char *name, const char *status)
{
    for (int s = 0; s < PATIENCE_S; s++) {
        const struct endpoint *e = endpoint_find(f->control, name);

        if (e ? status && strcmp(endpoint_status_text(e->status), status) == 0 : !status)
            return;
        run_second(f);
    }
    fail_msg("%s is not %s", name, status ? status : "gone");
}

static void a_model_is_described_as_it_was_created(void **state)
{
    struct fixture *f = *state;
    json_t *model;

    make_model(f, "First-Model");
    model = ask(f, "DescribeModel", "'ModelName':'First-Model'");
    assert_string_equal(text(model, "ModelName"), "First-Model");
    assert_string_equal(text(model, "ModelArn"), ARN "model/first-model");
    assert_string_equal(text(model, "ExecutionRoleArn"), "arn:aws:iam::000000000000:role/x");
    assert_string_equal(text(json_object_get(model, "PrimaryContainer"), "Image"),
                        "weir/xgboost:latest");
    assert_true(json_real_value(json_object_get(model, "CreationTime")) > 1.7e9);
    json_decref(model);

    refused(f, "CreateModel", "'ModelName':'first-model','PrimaryContainer':{'Image':'a'}", INVALID,
            "Cannot create already existing model \"" ARN "model/first-model\".");
    done(f, "DeleteModel", "'ModelName':'First-Model'");
    refused(f, "DescribeModel", "'ModelName':'First-Model'", INVALID,
            "Could not find model \"" ARN "model/first-model\".");
    refused(f, "DeleteModel", "'ModelName':'First-Model'", INVALID,
            "Could not find model \"" ARN "model/first-model\".");
}

static void a_model_that_weir_cannot_run_is_refused(void **state)
{
    static const struct {
        const char *container, *message;
    } cases[] = {
        { "", "A container needs an Image." },
        { "'Image':'a','ModelDataUrl':'s3://b/c.tar.gz'",
          "ModelDataUrl 's3://b/c.tar.gz' is not supported: weir reads model data from files of "
          "its "
          "machine, file:///path/to/model.tar.gz." },
        { "'Image':'a','Mode':'MultiModel'", "Mode MultiModel is not supported by weir." },
        { "'ModelPackageName':'p'", "ModelPackageName is not supported by weir." },
        { "'Image':'a','ModelDataSource':{'S3DataSource':{}}",
          "ModelDataSource is not supported by weir." },
        { "'Image':'a b'",
          "1 validation error detected: Value 'a b' at 'primaryContainer.image' failed to satisfy "
          "constraint: Member must satisfy regular expression pattern: [\\S]+" },
        { "'Image':'a','ModelDataUrl':'/m'",
          "1 validation error detected: Value '/m' at 'primaryContainer.modelDataUrl' failed to "
          "satisfy constraint: Member must satisfy regular expression pattern: "
          "^(https|s3)://([^/]+)/?(.*)$" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char input[512];

        snprintf(input, sizeof(input), "'ModelName':'m','PrimaryContainer':{%s}",
                 cases[i].container);
        refused(f, "CreateModel", input, INVALID, cases[i].message);
    }
    refused(f, "CreateModel", "'ModelName':'m'", INVALID,
            "Either PrimaryContainer or Containers must be provided.");
    refused(f, "CreateModel", "'ModelName':'m','Containers':[{'Image':'a'},{}]", INVALID,
            "A model of several Containers is not supported by weir.");
    done(f, "CreateModel", "'ModelName':'c','PrimaryContainer':{'Image':'command:/bin/serve -v'}");
}

static void a_configuration_is_checked_and_echoed(void **state)
{
    struct fixture *f = *state;
    json_t *config, *variant;

    make_model(f, "m");
    make_config(f, "c", "m");
    config = ask(f, "DescribeEndpointConfig", "'EndpointConfigName':'c'");
    assert_string_equal(text(config, "EndpointConfigArn"), ARN "endpoint-config/c");
    variant = json_array_get(json_object_get(config, "ProductionVariants"), 0);
    assert_string_equal(text(variant, "ModelName"), "m");
    assert_string_equal(text(json_object_get(variant, "RoutingConfig"), "RoutingStrategy"),
                        "LEAST_OUTSTANDING_REQUESTS");
    json_decref(config);

    refused(f, "DescribeEndpointConfig", "'EndpointConfigName':'d'", INVALID,
            "Could not find endpoint configuration \"" ARN "endpoint-config/d\".");
    done(f, "DeleteEndpointConfig", "'EndpointConfigName':'c'");
    refused(f, "DeleteEndpointConfig", "'EndpointConfigName':'c'", INVALID,
            "Could not find endpoint configuration \"" ARN "endpoint-config/c\".");
}

static void a_configuration_that_weir_cannot_honour_is_refused(void **state)
{
    static const struct {
        const char *members, *error, *message;
    } cases[] = {
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'none',"
          "'InstanceType':'ml.m5.large','InitialInstanceCount':1}]",
          INVALID, "Could not find model \"" ARN "model/none\"." },
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'m',"
          "'InstanceType':'ml.trn2.48xlarge','InitialInstanceCount':1}]",
          "ResourceLimitExceeded",
          "The account-level service limit 'ml.trn2.48xlarge for endpoint usage' is 0 Instances, "
          "with current utilization of 0 Instances and a request delta of 1 Instances. weir does "
          "not know the size of this type; its configuration file can define it." },
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'m',"
          "'ServerlessConfig':{'MemorySizeInMB':1024,'MaxConcurrency':1}}]",
          INVALID, "ServerlessConfig is not supported by weir." },
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'m'}]", INVALID,
          "Variant \"v\" needs ModelName, InstanceType and InitialInstanceCount." },
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'m',"
          "'InstanceType':'ml.m5.large','InitialInstanceCount':1,"
          "'ManagedInstanceScaling':{'Status':'ENABLED'}}]",
          INVALID, "ManagedInstanceScaling is not supported with the given EndpointConfig setup." },
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'m'}],"
          "'AsyncInferenceConfig':{'OutputConfig':{}}",
          INVALID, "AsyncInferenceConfig is not supported by weir." },
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'m'}],"
          "'ShadowProductionVariants':[{'VariantName':'w','ModelName':'m'}]",
          INVALID, "ShadowProductionVariants is not supported by weir." },
        { "'ProductionVariants':[{'VariantName':'v','ModelName':'m'}],"
          "'MetricsConfig':{'MetricPublishFrequencyInSeconds':7}",
          INVALID,
          "MetricPublishFrequencyInSeconds must be one of 10, 30, 60, 120, 180, 240 and 300." },
    };
    struct fixture *f = *state;

    make_model(f, "m");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char input[1024];

        snprintf(input, sizeof(input), "'EndpointConfigName':'c', %s", cases[i].members);
        refused(f, "CreateEndpointConfig", input, cases[i].error, cases[i].message);
    }
}

static void an_endpoint_goes_through_its_life(void **state)
{
    struct fixture *f = *state;
    json_t *endpoint, *variant, *pending;

    make_model(f, "m");
    make_config(f, "c", "m");
    refused(f, "CreateEndpoint", "'EndpointName':'E','EndpointConfigName':'none'", INVALID,
            "Could not find endpoint configuration \"" ARN "endpoint-config/none\".");
    endpoint = ask(f, "CreateEndpoint", "'EndpointName':'E','EndpointConfigName':'c'");
    assert_string_equal(text(endpoint, "EndpointArn"), ARN "endpoint/e");
    json_decref(endpoint);

    endpoint = ask(f, "DescribeEndpoint", "'EndpointName':'E'");
    assert_string_equal(text(endpoint, "EndpointStatus"), "Creating");
    assert_null(json_object_get(endpoint, "ProductionVariants"));
    pending = json_object_get(endpoint, "PendingDeploymentSummary");
    assert_string_equal(text(pending, "EndpointConfigName"), "c");
    json_decref(endpoint);
    refused(f, "DeleteEndpoint", "'EndpointName':'E'", INVALID,
            "Cannot update in-progress endpoint \"" ARN "endpoint/e\".");
    refused(f, "CreateEndpoint", "'EndpointName':'E','EndpointConfigName':'c'", INVALID,
            "Cannot create already existing endpoint \"" ARN "endpoint/e\".");

    wait_for_status(f, "E", "InService");
    endpoint = ask(f, "DescribeEndpoint", "'EndpointName':'E'");
    assert_null(json_object_get(endpoint, "PendingDeploymentSummary"));
    variant = json_array_get(json_object_get(endpoint, "ProductionVariants"), 0);
    assert_string_equal(text(variant, "VariantName"), "AllTraffic");
    assert_int_equal(integer(variant, "CurrentInstanceCount"), 1);
    assert_int_equal(integer(variant, "DesiredInstanceCount"), 1);
    assert_null(json_object_get(variant, "VariantStatus"));
    json_decref(endpoint);

    done(f, "DeleteEndpoint", "'EndpointName':'E'");
    wait_for_status(f, "E", NULL);
    refused(f, "DescribeEndpoint", "'EndpointName':'E'", INVALID,
            "Could not find endpoint \"" ARN "endpoint/e\".");
}

static void counts_change_on_request(void **state)
{
    struct fixture *f = *state;
    json_t *endpoint, *variant;

    make_model(f, "m");
    make_config(f, "c", "m");
    done(f, "CreateEndpoint", "'EndpointName':'e','EndpointConfigName':'c'");
    wait_for_status(f, "e", "InService");
    done(f, "UpdateEndpointWeightsAndCapacities",
         "'EndpointName':'e','DesiredWeightsAndCapacities':[{'VariantName':"
         "'AllTraffic','DesiredInstanceCount':3}]");
    endpoint = ask(f, "DescribeEndpoint", "'EndpointName':'e'");
    assert_string_equal(text(endpoint, "EndpointStatus"), "Updating");
    variant = json_array_get(json_object_get(endpoint, "ProductionVariants"), 0);
    assert_int_equal(integer(variant, "DesiredInstanceCount"), 3);
    json_decref(endpoint);
    wait_for_status(f, "e", "InService");

    refused(f, "UpdateEndpointWeightsAndCapacities",
            "'EndpointName':'e','DesiredWeightsAndCapacities':[{'VariantName':"
            "'none','DesiredInstanceCount':3}]",
            INVALID,
            "The variant name(s) \"none\" is/are not present within endpoint configuration.");
    refused(f, "UpdateEndpointWeightsAndCapacities",
            "'EndpointName':'e','DesiredWeightsAndCapacities':[{'VariantName':"
            "'AllTraffic','DesiredInstanceCount':0}]",
            INVALID,
            "DesiredInstanceCount of variant \"AllTraffic\" must be at least 1, unless a scalable "
            "target with MinCapacity 0 is registered for it.");
    refused(f, "UpdateEndpointWeightsAndCapacities",
            "'EndpointName':'e','DesiredWeightsAndCapacities':[{'VariantName':"
            "'AllTraffic','DesiredInstanceCount':9}]",
            "ResourceLimitExceeded",
            "The account-level service limit is 8 Instances of all endpoints together and 1000 "
            "endpoints, which this request would exceed.");
}

static void lists_are_filtered_sorted_and_paged(void **state)
{
    struct fixture *f = *state;
    json_t *page, *models;
    char input[1024];

    make_model(f, "alpha");
    make_model(f, "beta");
    make_model(f, "gamma");
    page = ask(f, "ListModels", "'SortBy':'Name','MaxResults':2");
    models = json_object_get(page, "Models");
    assert_int_equal(json_array_size(models), 2);
    assert_string_equal(text(json_array_get(models, 0), "ModelName"), "gamma");
    snprintf(input, sizeof(input), "'SortBy':'Name','NextToken':'%s'", text(page, "NextToken"));
    json_decref(page);

    page = ask(f, "ListModels", input);
    models = json_object_get(page, "Models");
    assert_int_equal(json_array_size(models), 1);
    assert_string_equal(text(json_array_get(models, 0), "ModelName"), "alpha");
    assert_null(json_object_get(page, "NextToken"));
    json_decref(page);

    page = ask(f, "ListModels", "'NameContains':'et','SortOrder':'Ascending'");
    models = json_object_get(page, "Models");
    assert_int_equal(json_array_size(models), 1);
    assert_string_equal(text(json_array_get(models, 0), "ModelArn"), ARN "model/beta");
    json_decref(page);

    page = ask(f, "ListModels", "'CreationTimeBefore':1000");
    assert_int_equal(json_array_size(json_object_get(page, "Models")), 0);
    json_decref(page);
}

static void tags_stick_to_what_has_an_arn(void **state)
{
    struct fixture *f = *state;
    json_t *tags;

    make_model(f, "m");
    done(f, "AddTags",
         "'ResourceArn':'" ARN "model/m','Tags':[{'Key':'a','Value':'1'},"
         "{'Key':'b','Value':''}]");
    tags = ask(f, "AddTags",
               "'ResourceArn':'" ARN "model/m','Tags':[{'Key':'a','Value':"
               "'2'}]");
    assert_int_equal(json_array_size(json_object_get(tags, "Tags")), 2);
    json_decref(tags);
    done(f, "DeleteTags", "'ResourceArn':'" ARN "model/m','TagKeys':['b','none']");
    tags = ask(f, "ListTags", "'ResourceArn':'" ARN "model/m'");
    assert_int_equal(json_array_size(json_object_get(tags, "Tags")), 1);
    assert_string_equal(text(json_array_get(json_object_get(tags, "Tags"), 0), "Value"), "2");
    json_decref(tags);
    refused(f, "ListTags", "'ResourceArn':'" ARN "model/none'", "ResourceNotFound",
            "Could not find resource \"" ARN "model/none\".");
    refused(f, "AddTags",
            "'ResourceArn':'" ARN "model/m','Tags':[{'Key':'a*','Value':"
            "'2'}]",
            INVALID,
            "1 validation error detected: Value 'a*' at 'tags.1.member.key' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$");
}

static void status_and_cost_show_what_runs(void **state)
{
    struct fixture *f = *state;
    json_t *endpoint, *variant, *line;

    make_model(f, "m");
    make_config(f, "c", "m");
    done(f, "CreateEndpoint", "'EndpointName':'e','EndpointConfigName':'c'");
    wait_for_status(f, "e", "InService");

    endpoint = ask_for_one(f, "GetStatus", "", "Endpoints");
    assert_string_equal(text(endpoint, "EndpointStatus"), "InService");
    variant = json_array_get(json_object_get(endpoint, "Variants"), 0);
    assert_string_equal(text(variant, "ModelName"), "m");
    assert_string_equal(text(json_array_get(json_object_get(variant, "Instances"), 0), "State"),
                        "InService");
    json_decref(endpoint);

    line = ask_for_one(f, "GetCost", "", "Lines");
    assert_string_equal(text(line, "InstanceType"), "ml.m5.large");
    assert_int_equal(integer(line, "RunningInstances"), 1);
    json_decref(line);
}

static void the_caller_is_the_account(void **state)
{
    json_t *caller = ask(*state, "GetCallerIdentity", "");

    assert_string_equal(text(caller, "Account"), "000000000000");
    assert_string_equal(text(caller, "Arn"), "arn:aws:iam::000000000000:root");
    json_decref(caller);
}

static void another_key_is_a_user(void **state)
{
    static const struct key_permissions none = { .invoke = "" };
    struct fixture *f = *state;
    char secret[SECRET_ACCESS_KEY_BYTES];
    autofree(mem_free) char *arn = NULL;
    const struct key *key;
    struct api_call c;
    json_t *nothing = json_object();

    assert_int_equal(key_create(f->control, "colleague", false, &none, &key, secret), 0);
    c = (struct api_call){ .control = f->control,
                           .service = &sts_service,
                           .operation = service_find_operation(&sts_service, "GetCallerIdentity"),
                           .principal = key->id };
    assert_int_equal(api_invoke(&c, nothing, f->patterns), 0);
    arn = text_format("arn:aws:iam::000000000000:user/%s", key->id);
    assert_string_equal(text(c.output, "Arn"), arn);
    assert_string_equal(text(c.output, "UserId"), key->id);
    assert_string_equal(text(c.output, "Account"), "000000000000");
    api_call_deinit(&c);
    json_decref(nothing);
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_model_is_described_as_it_was_created),
        test(a_model_that_weir_cannot_run_is_refused),
        test(a_configuration_is_checked_and_echoed),
        test(a_configuration_that_weir_cannot_honour_is_refused),
        test(an_endpoint_goes_through_its_life),
        test(counts_change_on_request),
        test(lists_are_filtered_sorted_and_paged),
        test(tags_stick_to_what_has_an_arn),
        test(status_and_cost_show_what_runs),
        test(the_caller_is_the_account),
        test(another_key_is_a_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
