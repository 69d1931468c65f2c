from circuit_breaker import CircuitBreaker

# Global breakers for critical services
DB_BREAKER = CircuitBreaker(
    name="database",
    failure_threshold=5,
    recovery_timeout=60,
    expected_exception=DatabaseError
)

KAFKA_BREAKER = CircuitBreaker(
    name="kafka",
    failure_threshold=10,
    recovery_timeout=30,
    expected_exception=KafkaError
)

# Use in code:
@DB_BREAKER
def query_database(sql):
    return db.execute(sql)
