#include "api/xml.h"

#include <errno.h>
#include <libxml/xmlwriter.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/number.h"
#include "base/error.h"
#include "base/text.h"

/* libxml2's functions return bytes written, or -1, which here always means no memory */
static int check(int r)
{
    return r < 0 ? fault(-ENOMEM) : 0;
}

static int start(xmlTextWriter *w, const char *name)
{
    return check(xmlTextWriterStartElement(w, BAD_CAST name));
}

static int end(xmlTextWriter *w)
{
    return check(xmlTextWriterEndElement(w));
}

/* XML 1.0 has no way to say most control characters, U+FFFE and U+FFFF; their bytes become "?". */
static int write_text(xmlTextWriter *w, const char *text)
{
    autofree(mem_free) char *clean = strdup(text);

    if (!clean)
        return fault(-ENOMEM);
    for (char *c = clean; *c; c++) {
        if ((unsigned char)*c < 0x20 && *c != '\t' && *c != '\n' && *c != '\r')
            *c = '?';
        else if (strncmp(c, "\xef\xbf\xbe", 3) == 0 || strncmp(c, "\xef\xbf\xbf", 3) == 0)
            memset(c, '?', 3);
    }
    return check(xmlTextWriterWriteString(w, BAD_CAST clean));
}

static int write_element(xmlTextWriter *w, const char *name, const char *text)
{
    int r = start(w, name);

    if (!r)
        r = write_text(w, text);
    return r ? fault(r) : end(w);
}

static int write_scalar(xmlTextWriter *w, const struct shape *shape, json_t *value)
{
    char text[64]; /* TEXT_ISO8601_BYTES and NUMBER_BYTES are less */

    if (json_is_string(value))
        return fault(write_text(w, json_string_value(value)));
    if (json_is_boolean(value))
        return fault(write_text(w, json_is_true(value) ? "true" : "false"));
    if (shape->type == SHAPE_TIMESTAMP)
        text_iso8601((wall_ms_t)llround(json_number_value(value) * 1000), text);
    else if (shape->type == SHAPE_DOUBLE)
        number_double(json_number_value(value), text);
    else if (json_is_integer(value))
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        number_text(json_number_value(value), text);
    return fault(write_text(w, text));
}

static int write_value(xmlTextWriter *w, const struct shape *shape, json_t *value);

static int write_member(xmlTextWriter *w, const char *name, const struct shape *shape,
                        json_t *value)
{
    int r = start(w, name);

    if (!r)
        r = write_value(w, shape, value);
    return r ? fault(r) : end(w);
}

static int write_map(xmlTextWriter *w, const struct shape *shape, json_t *value)
{
    const char *key;
    json_t *item;
    int r = 0;

    json_object_foreach (value, key, item) {
        if (!r)
            r = start(w, "entry");
        if (!r)
            r = write_element(w, "key", key);
        if (!r)
            r = write_member(w, "value", shape->element, item);
        if (!r)
            r = end(w);
    }
    return fault(r);
}

static int write_value(xmlTextWriter *w, const struct shape *shape, json_t *value)
{
    size_t i;
    json_t *item;
    int r = 0;

    if (shape->type == SHAPE_MAP)
        return fault(write_map(w, shape, value));
    if (shape->type == SHAPE_LIST) {
        json_array_foreach (value, i, item)
            if (!r)
                r = write_member(w, "member", shape->element, item);
        return fault(r);
    }
    if (shape->type != SHAPE_STRUCTURE)
        return fault(write_scalar(w, shape, value));
    for (const struct member *m = shape->members; !r && m->name; m++) {
        item = json_object_get(value, m->name);
        if (item && !json_is_null(item))
            r = write_member(w, m->name, m->shape, item);
    }
    return fault(r);
}

/* <NAME xmlns="...">, the outermost element */
static int start_document(xmlTextWriter *w, const char *name, const char *xml_namespace)
{
    int r = start(w, name);

    if (r || !xml_namespace)
        return fault(r);
    return check(xmlTextWriterWriteAttribute(w, BAD_CAST "xmlns", BAD_CAST xml_namespace));
}

static int write_response(xmlTextWriter *w, const struct service *service,
                          const struct operation *operation, json_t *output, const char *request_id)
{
    char name[160];
    int r;

    snprintf(name, sizeof(name), "%sResponse", operation->name);
    r = start_document(w, name, service->xml_namespace);
    snprintf(name, sizeof(name), "%sResult", operation->name);
    if (!r && operation->output)
        r = write_member(w, name, operation->output, output);
    if (!r)
        r = start(w, "ResponseMetadata");
    if (!r)
        r = write_element(w, "RequestId", request_id);
    return fault(r);
}

static int write_error(xmlTextWriter *w, const char *xml_namespace, const char *code, bool sender,
                       const char *message, const char *request_id)
{
    int r = start_document(w, "ErrorResponse", xml_namespace);

    if (!r)
        r = start(w, "Error");
    if (!r)
        r = write_element(w, "Type", sender ? "Sender" : "Receiver");
    if (!r)
        r = write_element(w, "Code", code);
    if (!r)
        r = write_element(w, "Message", message);
    if (!r)
        r = end(w);
    return r ? fault(r) : fault(write_element(w, "RequestId", request_id));
}

/* Ends open elements, then hands the document over, if @r says that it is whole. */
static int finish(xmlTextWriter *w, xmlBuffer *document, int r, struct buffer *out)
{
    if (!r)
        r = check(xmlTextWriterEndDocument(w));
    xmlFreeTextWriter(w);
    if (!r)
        r = buffer_append(out, xmlBufferContent(document), (size_t)xmlBufferLength(document));
    xmlBufferFree(document);
    return fault(r);
}

static int begin(xmlTextWriter **ret_writer, xmlBuffer **ret_document)
{
    xmlBuffer *document = xmlBufferCreate();
    xmlTextWriter *w = document ? xmlNewTextWriterMemory(document, 0) : NULL;

    if (!w) {
        if (document)
            xmlBufferFree(document);
        return fault(-ENOMEM);
    }
    *ret_writer = w;
    *ret_document = document;
    return 0;
}

int xml_write_output(const struct service *service, const struct operation *operation,
                     json_t *output, const char *request_id, struct buffer *out)
{
    xmlTextWriter *w = NULL;
    xmlBuffer *document = NULL;
    int r = begin(&w, &document);

    if (r)
        return fault(r);
    return finish(w, document, write_response(w, service, operation, output, request_id), out);
}

int xml_write_error(const char *xml_namespace, const char *code, bool sender, const char *message,
                    const char *request_id, struct buffer *out)
{
    xmlTextWriter *w = NULL;
    xmlBuffer *document = NULL;
    int r = begin(&w, &document);

    if (r)
        return fault(r);
    r = write_error(w, xml_namespace, code, sender, message, request_id);
    return finish(w, document, r, out);
}
