#include "wire.h"

#include <string.h>

struct type_rule {
    const char *name;
    uint8_t way, body;
    bool has_id;
};

static const struct type_rule type_rules[] = {
#define X(constant, number, way, body, has_id)                                                     \
    [number] = {#constant, ENC_WIRE_##way, ENC_WIRE_##body, has_id},
    ENC_WIRE_TYPES(X)
#undef X
};

struct tag_rule {
    uint8_t way, kind;
};

static const struct tag_rule tag_rules[] = {
#define X(constant, number, way, kind) [number] = {ENC_WIRE_##way, ENC_WIRE_##kind},
    ENC_WIRE_TAGS(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint64_t load(const uint8_t *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static const struct type_rule *find_type(unsigned type) {
    return type < COUNT(type_rules) && type_rules[type].name ? &type_rules[type] : NULL;
}

const char *enc_wire_type_name(unsigned type) {
    const struct type_rule *rule = find_type(type);
    return rule ? rule->name : "?";
}

static size_t body_max(const struct type_rule *rule, enum enc_wire_way way) {
    if (rule->body == ENC_WIRE_EMPTY)
        return 0;
    if (rule->body == ENC_WIRE_RAW)
        return ENC_WIRE_DATA_MAX;
    return way == ENC_WIRE_TO_AGENT ? ENC_WIRE_REQUEST_MAX : ENC_WIRE_REPLY_MAX;
}

/* NULL: every field is whole, known and of its kind. */
static const char *check_fields(const uint8_t *body, size_t len, enum enc_wire_way way) {
    while (len > 0) {
        if (len < ENC_WIRE_FIELD)
            return "a field is cut off";
        unsigned tag = (unsigned)load(body, 2);
        size_t size = (size_t)load(body + 2, 4);
        body += ENC_WIRE_FIELD;
        len -= ENC_WIRE_FIELD;
        if (tag >= COUNT(tag_rules) || !(tag_rules[tag].way & way))
            return "an unknown field";
        if (size > len)
            return "a field is longer than its frame";
        if (tag_rules[tag].kind == ENC_WIRE_NUMBER && size != 8)
            return "a number that has not 8 bytes";
        if (tag_rules[tag].kind == ENC_WIRE_TEXT &&
            (size == 0 || memchr(body, 0, size) != body + size - 1))
            return "a text that does not end with its only NUL";
        body += size;
        len -= size;
    }
    return NULL;
}

static const char *check_hello(const struct enc_wire_frame *frame) {
    const char *magic = enc_wire_text(frame, ENC_WIRE_TAG_MAGIC, "");
    if (strcmp(magic, ENC_WIRE_MAGIC) != 0)
        return "a greeting of something else";
    if (enc_wire_number(frame, ENC_WIRE_TAG_VERSION, 0) != ENC_WIRE_VERSION)
        return "another version of the frames";
    return NULL;
}

/* As far as the header tells. */
static const char *check_header(const struct enc_wire_peer *peer,
                                const uint8_t *header,
                                const struct type_rule **rule_out) {
    const struct type_rule *rule = find_type(header[4]);
    if (!rule || !(rule->way & peer->way))
        return "an unknown type of frame";
    if (header[5] != 0 || header[6] != 0 || header[7] != 0)
        return "reserved bytes are not zero";
    if (load(header, 4) > body_max(rule, peer->way))
        return "a frame that is too long";
    if ((load(header + 8, 4) != 0) != rule->has_id)
        return rule->has_id ? "a frame without an id" : "a frame with an id that needs none";
    if ((header[4] == ENC_WIRE_HELLO) == peer->greeted)
        return peer->greeted ? "a second greeting" : "a frame before the greeting";
    *rule_out = rule;
    return NULL;
}

int enc_wire_next(struct enc_wire_peer *peer,
                  const void *bytes,
                  size_t len,
                  struct enc_wire_frame *frame,
                  size_t *need,
                  const char **reason) {
    const uint8_t *header = bytes;
    const struct type_rule *rule = NULL;
    if (len < ENC_WIRE_HEADER) {
        *need = ENC_WIRE_HEADER;
        return 0;
    }
    *reason = check_header(peer, header, &rule);
    if (*reason)
        return -1;
    size_t body_len = (size_t)load(header, 4);
    if (len - ENC_WIRE_HEADER < body_len) {
        *need = ENC_WIRE_HEADER + body_len;
        return 0;
    }
    struct enc_wire_frame got = {
        .type = (enum enc_wire_type)header[4],
        .id = (uint32_t)load(header + 8, 4),
        .body = header + ENC_WIRE_HEADER,
        .len = body_len,
    };
    if (rule->body == ENC_WIRE_FIELDS)
        *reason = check_fields(got.body, got.len, peer->way);
    if (!*reason && got.type == ENC_WIRE_HELLO)
        *reason = check_hello(&got);
    if (*reason)
        return -1;
    if (got.type == ENC_WIRE_HELLO)
        peer->greeted = true;
    *frame = got;
    return 1;
}

bool enc_wire_field(const struct enc_wire_frame *frame,
                    size_t *offset,
                    struct enc_wire_field *field) {
    if (frame->len < ENC_WIRE_FIELD || *offset > frame->len - ENC_WIRE_FIELD)
        return false;
    const uint8_t *at = frame->body + *offset;
    unsigned tag = (unsigned)load(at, 2);
    size_t size = (size_t)load(at + 2, 4);
    if (tag >= COUNT(tag_rules) || size > frame->len - *offset - ENC_WIRE_FIELD)
        return false;
    at += ENC_WIRE_FIELD;
    *offset += ENC_WIRE_FIELD + size;
    *field = (struct enc_wire_field){
        .tag = (enum enc_wire_tag)tag, .text = (const char *)at, .len = size};
    if (tag_rules[tag].kind == ENC_WIRE_NUMBER && size == 8)
        field->number = load(at, 8);
    else if (tag_rules[tag].kind == ENC_WIRE_TEXT && size > 0)
        field->len = size - 1;
    return true;
}

bool enc_wire_find(const struct enc_wire_frame *frame,
                   enum enc_wire_tag tag,
                   struct enc_wire_field *field) {
    struct enc_wire_field each;
    size_t offset = 0;
    bool found = false;
    while (enc_wire_field(frame, &offset, &each)) {
        if (each.tag == tag) {
            *field = each;
            found = true;
        }
    }
    return found;
}

uint64_t enc_wire_number(const struct enc_wire_frame *frame,
                         enum enc_wire_tag tag,
                         uint64_t fallback) {
    struct enc_wire_field field;
    return enc_wire_find(frame, tag, &field) ? field.number : fallback;
}

const char *enc_wire_text(const struct enc_wire_frame *frame,
                          enum enc_wire_tag tag,
                          const char *fallback) {
    struct enc_wire_field field;
    return enc_wire_find(frame, tag, &field) ? field.text : fallback;
}
