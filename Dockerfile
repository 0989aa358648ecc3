# One image for every part of the cluster that is ours: Airflow's components and its workers.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
COPY requirements/cluster.txt /tmp/cluster.txt
RUN /opt/venv/bin/pip install --no-deps --require-hashes --requirement /tmp/cluster.txt
WORKDIR /opt/barometer
COPY pyproject.toml README.md ./
COPY barometer barometer
RUN /opt/venv/bin/pip install --no-deps --no-index --no-build-isolation --editable .

FROM ${PYTHON_IMAGE}
# The user owns what a run writes and nothing of the program.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin barometer \
    && install -d -o barometer -g barometer /data /data/inbox /data/releases /data/drafts /data/runs /data/keys /var/log/airflow
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/barometer /opt/barometer
COPY dags /opt/barometer/dags
COPY configs /opt/barometer/configs
COPY models /opt/barometer/models
WORKDIR /opt/barometer
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/run/airflow \
    AIRFLOW_HOME=/run/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/barometer/dags \
    BAROMETER_HOME=/data
USER barometer
ENTRYPOINT ["python", "-m", "airflow"]
CMD ["version"]
