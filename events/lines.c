/* JSON lines of events, at once: the bytes of msgspec's own encoder (codec.py), which is asked wherever an event holds
   anything that is not written here. tests/events/test_lines.py holds one against the other.

   What is gained: msgspec prints a float's shortest digits by Ryu's general way, some 560 instructions, and takes zeros
   off one by one; prices, premiums and greeks have six decimals at most, which one product, one rounding and one
   division find and prove. And a field's name is copied as it stands in the line, comma, quotes and colon with it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include "digits.h"

/* Types whose plan is kept; nesting from which msgspec is asked; bytes that are expected of an event at most. */
#define MOST_PLANS 64
#define MOST_DEPTH 16
#define MOST_USUAL 4096

typedef struct {
    Py_ssize_t offset;  /* of the slot in an instance */
    PyObject *omitted;  /* a value that is left out, borrowed of the type's defaults; or NULL */
    Py_ssize_t length;
    const char *name;   /* `,"name":`; msgspec takes no name that would have to be escaped */
} Field;

typedef struct {
    PyTypeObject *type;
    PyObject *names;    /* owns what `name` points into */
    Py_ssize_t count;   /* of fields; -1: msgspec is asked */
    Field *fields;
} Plan;

typedef struct {
    PyObject *bytes;
    char *at, *end;
} Out;

typedef enum { WRITTEN, UNUSUAL, FAILED } Result;

static Plan plans[MOST_PLANS];
static int planned;
/* The type of struct types: only what is exactly of it is planned, for it answers without anybody's Python. */
static PyTypeObject *struct_meta;
/* Bytes of an event of the last lines: where the next ones begin. */
static Py_ssize_t usual_length = 512;

/* ---- what a line is written into ---- */

static int out_open(Out *out, Py_ssize_t size) {
    out->bytes = PyBytes_FromStringAndSize(NULL, size);
    if (out->bytes == NULL) return -1;
    out->at = PyBytes_AS_STRING(out->bytes);
    out->end = out->at + size;
    return 0;
}

static int out_grow(Out *out, Py_ssize_t more) {
    Py_ssize_t used = out->at - PyBytes_AS_STRING(out->bytes);
    Py_ssize_t size = (used + more) * 3 / 2;
    if (_PyBytes_Resize(&out->bytes, size) < 0) return -1;
    out->at = PyBytes_AS_STRING(out->bytes) + used;
    out->end = PyBytes_AS_STRING(out->bytes) + size;
    return 0;
}

static inline int out_need(Out *out, Py_ssize_t more) {
    return out->end - out->at >= more ? 0 : out_grow(out, more);
}

static inline void put(Out *out, const char *from, Py_ssize_t length) {
    memcpy(out->at, from, (size_t)length);
    out->at += length;
}

/* Room made before every value: for a number or a word, what stands around it, and a copy's last eight bytes. */
#define ROOM 48

/* ---- numbers ---- */

static inline Result put_int(Out *out, PyObject *number) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow) return UNUSUAL;
    if (value < 0) *out->at++ = '-';
    out->at = put_whole(out->at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    return WRITTEN;
}

static inline Result put_float(Out *out, double value) {
    char *behind = put_decimal(out->at, value);
    if (behind == NULL) return UNUSUAL;
    out->at = behind;
    return WRITTEN;
}

/* ---- text ---- */

/* Tells whether any of eight ASCII bytes is to be escaped: a control, a quote or a backslash. */
static inline uint64_t escapes(uint64_t eight) {
    uint64_t quote = eight ^ EACH('"'), slash = eight ^ EACH('\\');
    return ((eight - EACH(0x20)) | (quote - EACH(1)) | (slash - EACH(1))) & EACH(0x80);
}

/* Leaves room for what follows it. */
static inline Result put_text(Out *out, PyObject *text) {
    if (!PyUnicode_IS_COMPACT_ASCII(text)) return UNUSUAL;
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), i = 0;
    const char *from = (const char *)PyUnicode_1BYTE_DATA(text);
    if (out_need(out, length + ROOM) < 0) return FAILED;
    char *at = out->at;
    uint64_t found = 0;
    *at++ = '"';
    for (; length - i >= 8; i += 8) {
        uint64_t eight = eight_of(from + i);
        memcpy(at + i, &eight, 8);
        found |= escapes(eight);
    }
    for (; i < length; i++) {
        unsigned char byte = (unsigned char)from[i];
        at[i] = (char)byte;
        found |= byte < 0x20 || byte == '"' || byte == '\\';
    }
    if (found) return UNUSUAL;
    at[length] = '"';
    out->at = at + length + 1;
    return WRITTEN;
}

/* ---- how a type is written ---- */

/* Returns 1 where every field stands in a slot and is written as it is: no tag, no array, no defaults that are made. */
static int plan_fields(Plan *plan, PyObject *names, PyObject *written, PyObject *defaults, int omits) {
    Py_ssize_t count = PyTuple_GET_SIZE(names), first = count - PyTuple_GET_SIZE(defaults), length = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t each;
        if (PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(written, i), &each) == NULL) return -1;
        length += each + 4;
    }
    plan->fields = PyMem_Calloc((size_t)count + 1, sizeof(Field));
    plan->names = PyBytes_FromStringAndSize(NULL, length + 8);
    if (plan->fields == NULL) PyErr_NoMemory();
    if (plan->fields == NULL || plan->names == NULL) return -1;
    char *at = PyBytes_AS_STRING(plan->names);
    for (Py_ssize_t i = 0; i < count; i++) {
        Field *field = &plan->fields[i];
        PyObject *slot = _PyType_Lookup(plan->type, PyTuple_GET_ITEM(names, i));
        if (slot == NULL || !Py_IS_TYPE(slot, &PyMemberDescr_Type)) return 0;
        if (!PyType_IsSubtype(plan->type, PyDescr_TYPE(slot))) return 0; /* another type's */
        PyMemberDef *member = ((PyMemberDescrObject *)slot)->d_member;
        if (member->type != T_OBJECT_EX || member->offset <= 0) return 0;
        field->offset = member->offset;
        if (omits && i >= first) {
            PyObject *value = PyTuple_GET_ITEM(defaults, i - first);
            if (strcmp(Py_TYPE(value)->tp_name, "msgspec._core.Factory") == 0) return 0;
            field->omitted = value;
        }
        Py_ssize_t each;
        const char *name = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(written, i), &each);
        field->name = at;
        field->length = each + 4;
        at[0] = ',', at[1] = '"';
        memcpy(at + 2, name, (size_t)each);
        at[each + 2] = '"', at[each + 3] = ':';
        at += each + 4;
    }
    plan->count = count;
    return 1;
}

static int is_true(PyObject *config, const char *name) {
    PyObject *value = PyObject_GetAttrString(config, name);
    int found = value == NULL ? -1 : value != Py_None && value != Py_False;
    Py_XDECREF(value);
    return found;
}

static int plan_type(Plan *plan) {
    PyObject *type = (PyObject *)plan->type;
    PyObject *config = PyObject_GetAttrString(type, "__struct_config__");
    PyObject *names = PyObject_GetAttrString(type, "__struct_fields__");
    PyObject *written = PyObject_GetAttrString(type, "__struct_encode_fields__");
    PyObject *defaults = PyObject_GetAttrString(type, "__struct_defaults__");
    int done = -1;
    if (config && names && written && defaults) {
        int tagged = is_true(config, "tag"), array = is_true(config, "array_like");
        int omits = is_true(config, "omit_defaults");
        int plain = PyTuple_Check(names) && PyTuple_Check(written) && PyTuple_Check(defaults) && !tagged && !array;
        if (tagged >= 0 && array >= 0 && omits >= 0) {
            done = plain ? plan_fields(plan, names, written, defaults, omits) : 0;
        }
    }
    Py_XDECREF(config);
    Py_XDECREF(names);
    Py_XDECREF(written);
    Py_XDECREF(defaults);
    return done;
}

/* Returns the plan of a type that has one, NULL where there is none. */
static Plan *known_plan(PyTypeObject *type) {
    for (int i = 0; i < planned; i++) {
        if (plans[i].type == type) return &plans[i];
    }
    return NULL;
}

/* Returns how a type's events are written, NULL where msgspec is asked or, with an error set, where memory is short. */
static const Plan *plan_of(PyTypeObject *type) {
    Plan *known = known_plan(type);
    if (known == NULL) {
        if (!Py_IS_TYPE(type, struct_meta) || planned >= MOST_PLANS) return NULL;
        Plan plan = {type, NULL, -1, NULL};
        int done = plan_type(&plan);
        if (!done) plan.count = -1;
        /* Looked for once more: whoever ran meanwhile may have planned it. */
        known = known_plan(type);
        if (done < 0 || known != NULL || planned >= MOST_PLANS) {
            Py_CLEAR(plan.names);
            PyMem_Free(plan.fields);
            if (done < 0 || known == NULL) return NULL;
        } else {
            Py_INCREF(type);
            known = &plans[planned++];
            *known = plan;
        }
    }
    return known->count < 0 ? NULL : known;
}

/* ---- values ---- */

static Result put_value(Out *out, PyObject *value, int depth);

static inline void put_name(Out *out, const Field *field) {
    for (Py_ssize_t i = 0; i < field->length; i += 8) memcpy(out->at + i, field->name + i, 8);
    out->at += field->length;
}

static Result put_event(Out *out, PyObject *event, int depth) {
    const Plan *plan = plan_of(Py_TYPE(event));
    if (plan == NULL) return PyErr_Occurred() ? FAILED : UNUSUAL;
    Py_ssize_t began = out->at - PyBytes_AS_STRING(out->bytes);
    for (const Field *field = plan->fields, *behind = field + plan->count; field < behind; field++) {
        PyObject *value = *(PyObject **)((char *)event + field->offset);
        if (value == NULL) return UNUSUAL;
        if (value == field->omitted) continue;
        if (out_need(out, field->length + ROOM) < 0) return FAILED;
        put_name(out, field);
        Result result = put_value(out, value, depth + 1);
        if (result != WRITTEN) return result;
    }
    if (out_need(out, 2) < 0) return FAILED;
    char *start = PyBytes_AS_STRING(out->bytes) + began;
    if (start == out->at) *out->at++ = '{';
    else *start = '{'; /* in the place of the first comma */
    *out->at++ = '}';
    return WRITTEN;
}

static Result put_items(Out *out, PyObject **items, Py_ssize_t count, int depth) {
    *out->at++ = '[';
    for (Py_ssize_t i = 0; i < count; i++) {
        if (out_need(out, ROOM) < 0) return FAILED;
        if (i) *out->at++ = ',';
        Result result = put_value(out, items[i], depth + 1);
        if (result != WRITTEN) return result;
    }
    if (out_need(out, 1) < 0) return FAILED;
    *out->at++ = ']';
    return WRITTEN;
}

static Result put_map(Out *out, PyObject *map, int depth) {
    PyObject *key, *value;
    Py_ssize_t place = 0, count = 0;
    *out->at++ = '{';
    while (PyDict_Next(map, &place, &key, &value)) {
        if (!PyUnicode_CheckExact(key)) return UNUSUAL;
        if (out_need(out, ROOM) < 0) return FAILED;
        if (count++) *out->at++ = ',';
        Result result = put_text(out, key);
        if (result != WRITTEN) return result;
        if (out_need(out, ROOM) < 0) return FAILED;
        *out->at++ = ':';
        result = put_value(out, value, depth + 1);
        if (result != WRITTEN) return result;
    }
    if (out_need(out, 1) < 0) return FAILED;
    *out->at++ = '}';
    return WRITTEN;
}

static inline Result put_word(Out *out, const char *word, Py_ssize_t length) {
    put(out, word, length);
    return WRITTEN;
}

/* Asks for ROOM before it. */
static Result put_value(Out *out, PyObject *value, int depth) {
    PyTypeObject *type = Py_TYPE(value);
    if (depth > MOST_DEPTH) return UNUSUAL;
    if (type == &PyFloat_Type) return put_float(out, PyFloat_AS_DOUBLE(value));
    if (type == &PyUnicode_Type) return put_text(out, value);
    if (type == &PyLong_Type) return put_int(out, value);
    if (value == Py_None) return put_word(out, "null", 4);
    if (value == Py_False) return put_word(out, "false", 5);
    if (value == Py_True) return put_word(out, "true", 4);
    if (type == &PyTuple_Type || type == &PyList_Type) {
        return put_items(out, PySequence_Fast_ITEMS(value), PySequence_Fast_GET_SIZE(value), depth);
    }
    if (type == &PyDict_Type) return put_map(out, value, depth);
    return put_event(out, value, depth);
}

/* ---- lines ---- */

static int put_as_msgspec(Out *out, PyObject *event, PyObject *encode) {
    PyObject *line = PyObject_CallOneArg(encode, event);
    if (line == NULL) return -1;
    if (!PyBytes_CheckExact(line)) {
        PyErr_SetString(PyExc_TypeError, "encode() returns bytes");
        Py_DECREF(line);
        return -1;
    }
    int failed = out_need(out, PyBytes_GET_SIZE(line)) < 0;
    if (!failed) put(out, PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line));
    Py_DECREF(line);
    return failed ? -1 : 0;
}

static int put_line(Out *out, PyObject *event, PyObject *encode) {
    Py_ssize_t began = out->at - PyBytes_AS_STRING(out->bytes);
    Result result = put_event(out, event, 0);
    if (result == UNUSUAL) {
        out->at = PyBytes_AS_STRING(out->bytes) + began;
        if (put_as_msgspec(out, event, encode) < 0) return -1;
    } else if (result == FAILED) {
        return -1;
    }
    if (out_need(out, 1) < 0) return -1;
    *out->at++ = '\n';
    return 0;
}

static PyObject *ended_lines(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "ended_lines(events, encode)");
        return NULL;
    }
    PyObject *events = PySequence_Fast(arguments[0], "events come in a list or a tuple");
    if (events == NULL) return NULL;
    Out out;
    Py_ssize_t each = 0;
    if (out_open(&out, PySequence_Fast_GET_SIZE(events) * (usual_length + 64) + 64) < 0) {
        Py_DECREF(events);
        return NULL;
    }
    /* Asked anew each time: what encodes an unusual event may be anybody's code. */
    for (; each < PySequence_Fast_GET_SIZE(events); each++) {
        PyObject *event = Py_NewRef(PySequence_Fast_GET_ITEM(events, each));
        int failed = put_line(&out, event, arguments[1]) < 0;
        Py_DECREF(event);
        if (failed) {
            Py_XDECREF(out.bytes);
            Py_DECREF(events);
            return NULL;
        }
    }
    Py_DECREF(events);
    Py_ssize_t length = out.at - PyBytes_AS_STRING(out.bytes);
    if (each) usual_length = length / each < MOST_USUAL ? length / each : MOST_USUAL;
    _PyBytes_Resize(&out.bytes, length);
    return out.bytes;
}

static PyMethodDef methods[] = {
    {"ended_lines", (PyCFunction)(void (*)(void))ended_lines, METH_FASTCALL,
     "ended_lines(events, encode): the events' JSON, a newline behind each; `encode` is asked for what is unusual."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "undertow_lines", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_undertow_lines(void) {
    PyObject *msgspec = PyImport_ImportModule("msgspec");
    PyObject *base = msgspec == NULL ? NULL : PyObject_GetAttrString(msgspec, "Struct");
    Py_XDECREF(msgspec);
    if (base == NULL) return NULL;
    struct_meta = (PyTypeObject *)Py_NewRef(Py_TYPE(base));
    Py_DECREF(base);
    return PyModule_Create(&module);
}
