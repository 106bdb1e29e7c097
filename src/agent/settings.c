/* The settings of the sandbox, and the environment that they make. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

static size_t count_tag(const struct enc_wire_frame *frame, enum enc_wire_tag tag) {
    struct enc_wire_field field;
    size_t offset = 0, count = 0;
    while (enc_wire_field(frame, &offset, &field))
        count += field.tag == tag;
    return count;
}

const char **settings_texts(const struct enc_wire_frame *frame, enum enc_wire_tag tag) {
    const char **texts = calloc(count_tag(frame, tag) + 1, sizeof *texts);
    struct enc_wire_field field;
    size_t offset = 0, count = 0;
    while (texts && enc_wire_field(frame, &offset, &field)) {
        if (field.tag == tag)
            texts[count++] = field.text;
    }
    return texts;
}

/* Adds "NAME=value", or replaces the one of the same name. */
static size_t env_set(const char **env, size_t count, const char *pair) {
    size_t name = strcspn(pair, "=");
    if (name == 0 || pair[name] != '=')
        return count;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(env[i], pair, name + 1) == 0) {
            env[i] = pair;
            return count;
        }
    }
    env[count] = pair;
    return count + 1;
}

static bool has_name(const char *const *env, size_t count, const char *name_equals) {
    for (size_t i = 0; i < count; i++) {
        if (strncmp(env[i], name_equals, strlen(name_equals)) == 0)
            return true;
    }
    return false;
}

const char **settings_env(const struct agent *agent, const struct enc_wire_frame *frame) {
    size_t count = 0;
    for (char **each = agent->env; *each; each++)
        count++;
    const char **env = calloc(count + count_tag(frame, ENC_WIRE_TAG_ENV) + 1, sizeof *env);
    struct enc_wire_field field;
    size_t offset = 0;
    if (!env)
        return NULL;
    for (size_t i = 0; i < count; i++)
        env[i] = agent->env[i];
    while (enc_wire_field(frame, &offset, &field)) {
        if (field.tag == ENC_WIRE_TAG_ENV)
            count = env_set(env, count, field.text);
    }
    return env;
}

/* The container's own variables, without those that speak of the agent's user, then the
 * configured ones, then what must not be missing. */
static bool take_env(struct agent *agent, const struct enc_wire_frame *frame) {
    size_t count = 0, own = 0;
    char home[4200] = "HOME=";
    while (environ[own])
        own++;
    const char **env = calloc(own + count_tag(frame, ENC_WIRE_TAG_ENV) + 3, sizeof *env);
    struct enc_wire_field field;
    size_t offset = 0;
    if (!env)
        return false;
    for (size_t i = 0; i < own; i++) {
        if (strncmp(environ[i], "HOME=", 5) != 0 && strncmp(environ[i], "ENCLAVE_", 8) != 0)
            count = env_set(env, count, environ[i]);
    }
    while (enc_wire_field(frame, &offset, &field)) {
        if (field.tag == ENC_WIRE_TAG_ENV)
            count = env_set(env, count, field.text);
    }
    strncat(home, agent->work_folder, sizeof home - 6);
    if (!has_name(env, count, "HOME="))
        env[count++] = home;
    if (!has_name(env, count, "PATH="))
        env[count++] = DEFAULT_PATH;
    agent->env = calloc(count + 1, sizeof *agent->env);
    bool copied = agent->env != NULL;
    for (size_t i = 0; i < count && copied; i++)
        copied = (agent->env[i] = strdup(env[i])) != NULL;
    free(env);
    return copied;
}

static bool take_places(struct agent *agent, const struct enc_wire_frame *frame) {
    struct enc_wire_field field;
    size_t offset = 0;
    agent->places = calloc(count_tag(frame, ENC_WIRE_TAG_PLACE) + 1, sizeof *agent->places);
    if (!agent->places)
        return false;
    while (enc_wire_field(frame, &offset, &field)) {
        struct place *place = &agent->places[agent->place_count];
        struct stat status;
        if (field.tag != ENC_WIRE_TAG_PLACE || field.text[0] != '/')
            continue;
        place->path = realpath(field.text, NULL); /* a link of the image's stays where it is */
        if (!place->path && !(place->path = strdup(field.text)))
            return false;
        agent->place_count++;
        if (lstat(place->path, &status) < 0 || !S_ISDIR(status.st_mode))
            continue;
        place->found = true;
        place->device = status.st_dev;
        place->mode = status.st_mode & 07777;
        place->uid = status.st_uid;
        place->gid = status.st_gid;
        place->changed = status.st_mtim;
    }
    return true;
}

/* Whether it is one of the places that are emptied: a folder of the host never is. */
static bool is_place(const struct enc_wire_frame *frame, const char *path) {
    struct enc_wire_field field;
    size_t offset = 0;
    while (enc_wire_field(frame, &offset, &field)) {
        if (field.tag == ENC_WIRE_TAG_PLACE && strcmp(field.text, path) == 0)
            return true;
    }
    return false;
}

/* A fresh tmpfs belongs to root. An image's own folder is left as it is, unless the user
 * could not even enter it; a folder of the host in any case. */
static void take_work_folder(struct agent *agent, const struct enc_wire_frame *frame) {
    struct stat status;
    if (!is_place(frame, agent->work_folder))
        return;
    if (mkdir(agent->work_folder, 0755) == 0 ||
        (stat(agent->work_folder, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0 &&
         (status.st_mode & S_IWOTH) == 0)) {
        int changed = chown(agent->work_folder, agent->identity.uid, agent->identity.gid);
        (void)changed;
    }
}

bool settings_take(struct agent *agent, const struct enc_wire_frame *frame, const char **reason) {
    const char *folder = enc_wire_text(frame, ENC_WIRE_TAG_WORK_FOLDER, "");
    *reason = "the work folder is not absolute";
    if (folder[0] != '/' || strlen(folder) >= 4096)
        return false;
    *reason = "there is no such user in the image";
    if (identity_parse(&agent->identity, enc_wire_text(frame, ENC_WIRE_TAG_USER, "65534:65534")) <
        0)
        return false;
    *reason = "out of memory";
    agent->work_folder = strdup(folder);
    if (!agent->work_folder)
        return false;
    take_work_folder(agent, frame);
    return take_env(agent, frame) && take_places(agent, frame);
}
