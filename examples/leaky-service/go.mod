module seep.test/leaky-service

go 1.18
