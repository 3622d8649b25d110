/* Events from lines, at once: what msgspec's typed decoder makes of them (reading.py), which is asked for the whole
   payload wherever a line is not as events are written: fields in their order, no spaces, nothing escaped, within bounds.
   tests/events/test_reading.py holds one against the other.

   What is gained: a field's name is compared where it is expected instead of looked for, a time of 19 digits is three
   steps, and short texts (contracts, sources, venues, conditions) are the same objects from line to line: not made, not
   let go of, and found in dictionaries without being hashed again. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include "digits.h"

typedef enum { TEXT, WHOLE, DECIMAL, FLAG, TEXTS, ONE_OF } Kind;

typedef struct {
    Py_ssize_t offset; /* of the slot in an instance */
    const char *name;  /* `"name":` */
    Py_ssize_t length;
    Kind kind;
    int nullable;
    PyObject *usual;   /* the default, NULL where the field must be there */
    PyObject *allowed; /* texts of ONE_OF */
    int64_t least, most; /* of WHOLE, and of a TEXT's length */
    double low, high;    /* of DECIMAL */
} Field;

typedef struct {
    PyTypeObject *type;
    PyObject *spec; /* owns names, defaults and allowed texts */
    Py_ssize_t count;
    Field fields[];
} Plan;

#define PLAN "undertow_reading.plan"

/* Short values as they stood in lines, and what was made of them. */
#define SHORT 32
#define KEPT 8192

typedef struct {
    PyObject *made;
    uint8_t length;
    char text[SHORT];
} Kept;

static Kept kept_texts[KEPT], kept_tuples[KEPT / 16];

/* ---- text ---- */

/* Marks the first byte that ends or spoils a plain text: a quote, a backslash, a control, one of a longer character. */
static inline uint64_t stops(uint64_t eight) {
    uint64_t quote = eight ^ EACH('"'), slash = eight ^ EACH('\\');
    return (eight | (eight - EACH(0x20)) | (quote - EACH(1)) | (slash - EACH(1))) & EACH(0x80);
}

/* Returns the plain text's end, where its closing quote stands; NULL where it is not plain. */
static inline const char *end_of_text(const char *at, const char *end) {
    for (; end - at >= 8; at += 8) {
        uint64_t found = stops(eight_of(at));
        if (found) {
            at += __builtin_ctzll(found) >> 3;
            return *at == '"' ? at : NULL;
        }
    }
    for (; at < end; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"') return at;
        if (byte < 0x20 || byte >= 0x80 || byte == '\\') return NULL;
    }
    return NULL;
}

/* ---- values: each returns a new reference; NULL without an error where msgspec is to be asked ---- */

static inline uint64_t hash_of(const char *text, Py_ssize_t length) {
    uint64_t hash = (uint64_t)length, last = 0;
    for (; length >= 8; length -= 8, text += 8) hash = (hash ^ eight_of(text)) * 0x9E3779B97F4A7C15ULL;
    memcpy(&last, text, (size_t)length);
    hash = (hash ^ last) * 0x9E3779B97F4A7C15ULL;
    return hash ^ hash >> 29;
}

static PyObject *new_text(const char *from, Py_ssize_t length) {
    PyObject *text = PyUnicode_New(length, 127);
    if (text != NULL) memcpy(PyUnicode_1BYTE_DATA(text), from, (size_t)length);
    return text;
}

static PyObject *keep(Kept *place, const char *from, Py_ssize_t length, PyObject *made) {
    if (made == NULL) return NULL;
    PyObject *before = place->made;
    place->made = Py_NewRef(made);
    place->length = (uint8_t)length;
    memcpy(place->text, from, (size_t)length);
    Py_XDECREF(before);
    return made;
}

static inline Kept *place_of(Kept *table, size_t size, const char *from, Py_ssize_t length) {
    return &table[hash_of(from, length) >> 8 & (size - 1)];
}

static inline int is_kept(const Kept *place, const char *from, Py_ssize_t length) {
    return place->made != NULL && place->length == length && memcmp(place->text, from, (size_t)length) == 0;
}

static PyObject *read_text(In *in, int64_t least, int64_t most) {
    if (in->at >= in->end || *in->at != '"') return NULL;
    const char *from = in->at + 1, *to = end_of_text(from, in->end);
    if (to == NULL) return NULL;
    Py_ssize_t length = to - from;
    if (length < least || length > most) return NULL;
    in->at = to + 1;
    if (length > SHORT) return new_text(from, length);
    Kept *place = place_of(kept_texts, KEPT, from, length);
    if (is_kept(place, from, length)) return Py_NewRef(place->made);
    return keep(place, from, length, new_text(from, length));
}

static PyObject *read_one_of(In *in, PyObject *allowed) {
    PyObject *text = read_text(in, 0, SHORT), *found = NULL;
    if (text == NULL) return NULL;
    for (Py_ssize_t i = 0; found == NULL && i < PyTuple_GET_SIZE(allowed); i++) {
        if (PyUnicode_Compare(text, PyTuple_GET_ITEM(allowed, i)) == 0) found = Py_NewRef(PyTuple_GET_ITEM(allowed, i));
    }
    Py_DECREF(text);
    return found;
}

static PyObject *read_some_texts(In *in) {
    PyObject *texts[16], *made = NULL;
    Py_ssize_t count = 0;
    in->at++; /* the bracket */
    if (in->at < in->end && *in->at == ']') {
        in->at++;
        return PyTuple_New(0);
    }
    while (count < 16 && (texts[count] = read_text(in, 0, PY_SSIZE_T_MAX)) != NULL) {
        count++;
        if (in->at >= in->end || (*in->at != ',' && *in->at != ']')) break;
        if (*in->at++ == ',') continue;
        made = PyTuple_New(count);
        for (Py_ssize_t i = 0; made != NULL && i < count; i++) PyTuple_SET_ITEM(made, i, Py_NewRef(texts[i]));
        break;
    }
    while (count) Py_DECREF(texts[--count]);
    return made;
}

static PyObject *read_texts(In *in) {
    if (in->at >= in->end || *in->at != '[') return NULL;
    const char *from = in->at;
    Py_ssize_t most = in->end - from < SHORT ? in->end - from : SHORT;
    /* Within a text it is no end, and then nothing is kept of it. */
    const char *close = memchr(from, ']', (size_t)most);
    if (close == NULL) return read_some_texts(in);
    Kept *place = place_of(kept_tuples, KEPT / 16, from, close + 1 - from);
    if (is_kept(place, from, close + 1 - from)) {
        in->at = close + 1;
        return Py_NewRef(place->made);
    }
    PyObject *made = read_some_texts(in);
    return in->at == close + 1 ? keep(place, from, close + 1 - from, made) : made;
}

/* A number begins with a zero only where nothing but a point may follow it. */
static inline int begins_well(const In *in) {
    return in->at < in->end && !(*in->at == '0' && in->at + 1 < in->end && is_digit(in->at[1]));
}

static PyObject *read_whole(In *in, int64_t least, int64_t most) {
    uint64_t value = 0;
    int negative = in->at < in->end && *in->at == '-';
    in->at += negative;
    if (!begins_well(in)) return NULL;
    int count = digits(in, &value);
    if (count == 0 || count > 19 || value > INT64_MAX) return NULL;
    int64_t number = negative ? -(int64_t)value : (int64_t)value;
    return number < least || number > most ? NULL : PyLong_FromLongLong(number);
}

static const double TENS[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                              1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};

/* Digits below 2^53 and a power of ten up to 10^22 are doubles both, so that their quotient is the decimal's own
   double, rounded once (W. D. Clinger, How to read floating point numbers accurately, 1990). */
static PyObject *read_decimal(In *in, double low, double high) {
    uint64_t value = 0;
    int negative = in->at < in->end && *in->at == '-';
    in->at += negative;
    if (!begins_well(in)) return NULL;
    int whole = digits(in, &value), part = 0;
    if (whole == 0 || whole > 19) return NULL;
    if (in->at < in->end && *in->at == '.') {
        in->at++;
        part = digits(in, &value);
        if (part == 0) return NULL;
    }
    if (whole + part > 19 || value >= 1ULL << 53 || (negative && value == 0)) return NULL;
    double number = (double)value / TENS[part];
    if (negative) number = -number;
    return number < low || number > high ? NULL : PyFloat_FromDouble(number);
}

static inline int word(In *in, const char *text, Py_ssize_t length) {
    if (in->end - in->at < length || memcmp(in->at, text, (size_t)length) != 0) return 0;
    in->at += length;
    return 1;
}

static PyObject *read_value(In *in, const Field *field) {
    if (field->nullable && word(in, "null", 4)) return Py_NewRef(Py_None);
    switch (field->kind) {
        case TEXT: return read_text(in, field->least, field->most);
        case WHOLE: return read_whole(in, field->least, field->most);
        case DECIMAL: return read_decimal(in, field->low, field->high);
        case TEXTS: return read_texts(in);
        case ONE_OF: return read_one_of(in, field->allowed);
        case FLAG: break;
    }
    if (word(in, "true", 4)) return Py_NewRef(Py_True);
    return word(in, "false", 5) ? Py_NewRef(Py_False) : NULL;
}

/* ---- lines ---- */

static inline PyObject **slot_of(PyObject *event, const Field *field) {
    return (PyObject **)((char *)event + field->offset);
}

/* Returns an event with every field that the line has; what is missing is filled in, or NULL is returned. */
static PyObject *read_event(In *in, const Plan *plan) {
    PyObject *event = plan->type->tp_alloc(plan->type, 0);
    if (event == NULL) return NULL;
    const Field *field = plan->fields, *behind = field + plan->count;
    int closed = in->at < in->end && *in->at == '{';
    char before = '{';
    while (closed && in->at < in->end && *in->at == before) {
        in->at++;
        /* Fields that a line leaves out are passed over; what is not found further on is unknown or out of order. */
        for (;; field++) {
            if (field == behind) goto unusual;
            if (word(in, field->name, field->length)) break;
            if (field->usual == NULL) goto unusual;
            *slot_of(event, field) = Py_NewRef(field->usual);
        }
        PyObject *value = read_value(in, field);
        if (value == NULL) goto unusual;
        *slot_of(event, field++) = value;
        before = ',';
    }
    if (!closed || in->at >= in->end || *in->at != '}') goto unusual;
    in->at++;
    for (; field < behind; field++) {
        if (field->usual == NULL) goto unusual;
        *slot_of(event, field) = Py_NewRef(field->usual);
    }
    return event;
unusual:
    Py_DECREF(event); /* slots that are empty are passed over */
    return NULL;
}

static PyObject *read_lines(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "read_lines(plan, payload)");
        return NULL;
    }
    const Plan *plan = PyCapsule_GetPointer(arguments[0], PLAN);
    if (plan == NULL) return NULL;
    if (!PyBytes_Check(arguments[1])) return Py_NewRef(Py_None);
    In in = {PyBytes_AS_STRING(arguments[1]), NULL};
    in.end = in.at + PyBytes_GET_SIZE(arguments[1]);
    PyObject *events = PyList_New(0);
    while (events != NULL) {
        PyObject *event = read_event(&in, plan);
        if (event == NULL || (in.at < in.end && *in.at != '\n') || PyList_Append(events, event) < 0) {
            Py_XDECREF(event);
            Py_CLEAR(events);
            break;
        }
        Py_DECREF(event);
        if (in.at == in.end || ++in.at == in.end) break;
    }
    return events != NULL || PyErr_Occurred() ? events : Py_NewRef(Py_None);
}

/* ---- plans ---- */

static void forget_plan(PyObject *capsule) {
    Plan *plan = PyCapsule_GetPointer(capsule, PLAN);
    Py_XDECREF(plan->type);
    Py_XDECREF(plan->spec);
    PyMem_Free(plan);
}

/* Fills a field from (attribute, `"name":`, kind, nullable, (default,) or (), allowed, least, most, low, high). */
static int plan_field(Field *field, PyTypeObject *type, PyObject *of) {
    PyObject *attribute, *usual;
    int kind;
    long long least, most;
    if (!PyArg_ParseTuple(of, "Uy#ipO!O!LLdd", &attribute, &field->name, &field->length, &kind, &field->nullable,
                          &PyTuple_Type, &usual, &PyTuple_Type, &field->allowed, &least, &most, &field->low,
                          &field->high)) {
        return -1;
    }
    PyObject *slot = _PyType_Lookup(type, attribute);
    int own = slot != NULL && Py_IS_TYPE(slot, &PyMemberDescr_Type) && PyType_IsSubtype(type, PyDescr_TYPE(slot));
    PyMemberDef *member = own ? ((PyMemberDescrObject *)slot)->d_member : NULL;
    if (member == NULL || member->type != T_OBJECT_EX || member->offset <= 0 || kind < TEXT || kind > ONE_OF) {
        PyErr_Format(PyExc_TypeError, "%U is no field that stands in a slot", attribute);
        return -1;
    }
    field->offset = member->offset;
    field->kind = (Kind)kind;
    field->usual = PyTuple_GET_SIZE(usual) ? PyTuple_GET_ITEM(usual, 0) : NULL;
    field->least = least;
    field->most = most;
    return 0;
}

static PyObject *plan(PyObject *module, PyObject *arguments) {
    (void)module;
    PyTypeObject *type;
    PyObject *fields;
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyType_Type, &type, &PyTuple_Type, &fields)) return NULL;
    if (type->tp_flags & Py_TPFLAGS_HAVE_GC || type->tp_itemsize) {
        PyErr_SetString(PyExc_TypeError, "only structs that the cyclic collector does not see are read");
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(fields);
    Plan *made = PyMem_Calloc(1, sizeof(Plan) + (size_t)count * sizeof(Field));
    if (made == NULL) return PyErr_NoMemory();
    made->count = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (plan_field(&made->fields[i], type, PyTuple_GET_ITEM(fields, i)) < 0) {
            PyMem_Free(made);
            return NULL;
        }
    }
    made->type = (PyTypeObject *)Py_NewRef(type);
    made->spec = Py_NewRef(fields);
    PyObject *capsule = PyCapsule_New(made, PLAN, forget_plan);
    if (capsule == NULL) {
        Py_DECREF(type);
        Py_DECREF(fields);
        PyMem_Free(made);
    }
    return capsule;
}

static PyMethodDef methods[] = {
    {"plan", plan, METH_VARARGS, "plan(type, fields): how lines of the type are read; see plan_field."},
    {"read_lines", (PyCFunction)(void (*)(void))read_lines, METH_FASTCALL,
     "read_lines(plan, payload): events of newline-delimited JSON, None where a line is not as events are written."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "undertow_reading", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_undertow_reading(void) { return PyModule_Create(&module); }
