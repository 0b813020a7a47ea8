// Empty: lets semaphore.go declare functions without a body.
