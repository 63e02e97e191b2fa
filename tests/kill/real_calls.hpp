// The C library's own functions, behind those that interpose.cpp puts in front of them. Found once, at the first use.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace evergrant::kill {

struct RealCalls {
  int (*open)(const char*, int, ...);
  int (*close)(int);
  int (*fcntl)(int, int, ...);
  ssize_t (*write)(int, const void*, size_t);
  ssize_t (*writev)(int, const iovec*, int);
  ssize_t (*pwrite)(int, const void*, size_t, off_t);
  int (*ftruncate)(int, off_t);
  int (*fsync)(int);
  int (*fdatasync)(int);
  int (*rename)(const char*, const char*);
  int (*unlink)(const char*);
  int (*connect)(int, const sockaddr*, socklen_t);
  ssize_t (*send)(int, const void*, size_t, int);
  ssize_t (*recv)(int, void*, size_t, int);
};

const RealCalls& real();

}  // namespace evergrant::kill
