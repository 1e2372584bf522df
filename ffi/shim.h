// The C boundary of wantune: everything that crosses between TypeScript and libtorch.
//
// Rules that hold for every function here:
//  * Only i32, f64 and buffers cross as parameters; a return value below zero is an error code whose text is in the
//    text buffer (`wt_text_length` bytes of UTF-8). Nothing is ever thrown through C.
//  * Functions are called synchronously from the one thread that owns the handles: grad mode and the text of the last
//    error belong to that thread.
//  * Arguments travel in the argument buffer as f64 words, `tag payload...` (see `Tag`); results come back the same way
//    in the result buffer.
//  * A handle is a positive i32: 23 bits slot, 8 bits generation. Zero is "no tensor". A stale handle is an error.
#pragma once
#include <cstddef>
#include <cstdint>

#define WT_API extern "C" __attribute__((visibility("default")))

enum WtCode : int32_t {
  WT_ERROR = -1,           // libtorch refused; the text says why
  WT_OUT_OF_MEMORY = -2,   // an allocator, on host or device, had no room
  WT_BAD_HANDLE = -3,      // freed, stale or never given out
  WT_BAD_ARGUMENT = -4,    // the words of the argument buffer make no sense
  WT_FILE = -5,            // a weight file could not be opened, mapped or read
  WT_NO_OPERATOR = -6,     // libtorch has no operator of this name
};

enum WtTag : int32_t {
  WT_NONE = 0,            // -
  WT_TENSOR = 1,          // handle
  WT_INT = 2,             // value
  WT_FLOAT = 3,           // value
  WT_BOOL = 4,            // 0 | 1
  WT_STRING = 5,          // offset and length in the text buffer
  WT_INTS = 6,            // n, values
  WT_FLOATS = 7,          // n, values
  WT_TENSORS = 8,         // n, handles
  WT_OPTIONAL_TENSORS = 9,// n, handles or 0
  WT_DEVICE = 10,         // device type, index (-1: current)
  WT_GENERATOR = 11,      // generator handle
  WT_BOOLS = 12,          // n, values
  WT_DEFAULT = 13,        // - : the schema's default value
  WT_SCALARS = 14,        // n, values
};

// Buffers and identity.
WT_API int32_t wt_abi();                  // version of this boundary, bumped when it changes
WT_API double* wt_arguments();            // WT_WORDS words
WT_API double* wt_results();              // WT_WORDS words
WT_API uint8_t* wt_text();                // WT_TEXT bytes
WT_API int32_t wt_words();                // capacity of both word buffers
WT_API int32_t wt_text_capacity();
WT_API int32_t wt_text_length();          // bytes of the last text written by the shim
WT_API int32_t wt_live();                 // handles given out and not yet freed
WT_API int32_t wt_torch_version();        // libtorch this shim was compiled against: major * 10000 + minor * 100 + patch

// Operators. The name is `namespace::op.overload` in the text buffer, `length` bytes.
WT_API int32_t wt_operator(int32_t length);         // -> operator number
WT_API int32_t wt_schema(int32_t op);               // -> bytes of the schema's text
WT_API int32_t wt_call(int32_t op, int32_t nargs);  // -> the one tensor returned, or 0 and values in the result buffer
WT_API int32_t wt_call_void(int32_t op, int32_t nargs);  // the same, results dropped: for in-place operators

// Tensors.
WT_API int32_t wt_free(int32_t handle);
WT_API int32_t wt_free_many(int32_t count);         // handles in the argument buffer
WT_API int32_t wt_meta(int32_t handle);             // -> ndim; results: dtype, device type, index, requires grad, contiguous, sizes
WT_API int32_t wt_requires_grad(int32_t handle, int32_t on);
WT_API int32_t wt_sole(int32_t handle);             // -> whether it is contiguous and its elements are no other tensor's
WT_API int32_t wt_item(int32_t handle);             // results[0]: the only element as a number
WT_API int32_t wt_bytes_in(int32_t handle, const uint8_t* bytes, double length);
WT_API int32_t wt_bytes_out(int32_t handle, uint8_t* bytes, double length);
WT_API void* wt_data(int32_t handle);               // address of a contiguous host tensor's first byte, or null

// Autograd.
WT_API int32_t wt_grad_mode(int32_t on);            // -> the mode before
// Arguments: `outputs` handles, then as many output gradients (0: ones), then `inputs` handles. Flags: 1 retain graph,
// 2 allow unused. Results: one handle an input, 0 where unused.
WT_API int32_t wt_autograd_grad(int32_t outputs, int32_t inputs, int32_t flags);

// Linear layers with a weight [out, in] and a bias (0: none): in 16 bits on a host; frozen in fewer bits, with float32 scales. See linear.cpp.
WT_API int32_t wt_host_linear(int32_t x, int32_t weight, int32_t bias);
WT_API int32_t wt_quantized_linear(int32_t x, int32_t codes, int32_t scales, int32_t kind, int32_t out);
WT_API int32_t wt_dequantize(int32_t codes, int32_t scales, int32_t kind, int32_t out, int32_t in, int32_t dtype);

// Random generators.
WT_API int32_t wt_generator(int32_t device_type, int32_t device_index, double seed_high, double seed_low);
WT_API int32_t wt_generator_free(int32_t handle);

// Weight files. Arguments of the two readers: dtype, offset, ndim, sizes.
WT_API int32_t wt_map(int32_t length);              // path in the text buffer -> mapping; results[0]: bytes
WT_API int32_t wt_map_tensor(int32_t mapping);      // -> tensor that views the file and keeps the mapping alive
WT_API int32_t wt_unmap(int32_t mapping);
WT_API int32_t wt_read_tensor(int32_t length);      // path in the text buffer -> fresh host tensor read from the file
WT_API int32_t wt_prefetch(int32_t length, double offset, double bytes);  // the kernel begins to read -> whether it does

// Streams of a device other than the host, and events between them; record and wait are on the current stream.
WT_API int32_t wt_stream(int32_t device_type, int32_t device_index);
WT_API int32_t wt_stream_swap(int32_t stream);      // it becomes the current one, and stands for the one before: twice is undone
WT_API int32_t wt_stream_free(int32_t stream);
WT_API int32_t wt_event(int32_t device_type);
WT_API int32_t wt_event_record(int32_t event, int32_t device_type, int32_t device_index);
WT_API int32_t wt_event_wait(int32_t event, int32_t device_type, int32_t device_index);
WT_API int32_t wt_event_free(int32_t event);

// Devices and memory.
WT_API int32_t wt_device_count(int32_t device_type);
WT_API int32_t wt_synchronize(int32_t device_type, int32_t device_index);
WT_API int32_t wt_memory(int32_t device_type, int32_t device_index);  // results: bytes allocated, peak, reserved, free (-1: not known)
WT_API int32_t wt_reset_peak(int32_t device_type, int32_t device_index);
WT_API int32_t wt_empty_cache(int32_t device_type);
WT_API int32_t wt_limit_host_memory(double bytes);  // the host's tensors may hold no more in all; 0: no limit
WT_API int32_t wt_keep_host_memory(double bytes);   // keeps freed host memory for the next tensors -> whether it could
WT_API int32_t wt_deterministic(int32_t on);        // operators on cards give the same bits each time, where they can
WT_API int32_t wt_threads(int32_t count);           // sets when > 0 -> threads used by host operators
