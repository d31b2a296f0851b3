# The images, for x86-64 and arm64. The Lambda function's: `make image` or `docker build .`; the others by target:
#   function   [packages] and [sklearn]: serves any artifact but what takes a DataFrame. It is what is built where
#              no target is named.
#   fast       [packages] alone: serves an artifact's ONNX flavour, in less than half the size
#   frame      the same as function, and [frame], which is pandas: for models that take a DataFrame
#   web        the web service (`make web-image`)
#   batch      the batch job, on a schedule or by hand
#   join       the functions of a join (join.yaml): [packages] without NumPy and onnxruntime, for it has no model
# It needs no BuildKit, so `sam build` can build it too; the stages are in the order of who needs them, for the
# classic builder builds all that stand above a target.
# docs.aws.amazon.com/lambda/latest/dg/python-image.html
# `make base` pins it: it writes the digest that the registry has for this tag behind it, @sha256:…
ARG BASE=public.ecr.aws/lambda/python:3.13

# The packages: built anew only when the lock or these two tools change.
FROM ${BASE} AS packages
# pip's own variables, for a mirror or a proxy: docker build --build-arg PIP_INDEX_URL=…
# They stay in this stage, which is not in the image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG HTTPS_PROXY
WORKDIR /build
COPY Pipfile.lock tools/requirements.py tools/strip_packages.py tools/notices.py ./
# Wheels only: nothing of a package runs here, and what has no wheel for this architecture stops the build.
RUN python3 requirements.py Pipfile.lock > requirements.txt \
 && python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
      --require-hashes --no-deps --only-binary=:all: --target /packages --requirement requirements.txt
# Bytecode that is never checked against its source: /var/task can't be written to, and files' times differ
# from host to host. Compiled under the path that it will run from, which tracebacks show.
RUN python3 strip_packages.py /packages \
 && python3 notices.py /packages > /NOTICES && mv /NOTICES /packages/THIRD_PARTY_NOTICES-packages.txt \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /packages -p /var/task /packages \
 && chmod -R a+rX /packages

# The code: .dockerignore says which of it ships.
FROM ${BASE} AS code
COPY lambda_function.py model.py /code/
COPY threeways /code/threeways/
RUN rm -r /code/threeways/web /code/threeways/batch /code/threeways/monitor /code/threeways/systems/*/page /code/threeways/systems/*/trips \
 && python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p /var/task /code \
 && chmod -R a+rX /code

# The function on the stream, for models with an ONNX flavour.
FROM ${BASE} AS fast
COPY --from=packages /packages /var/task/
COPY --from=code /code /var/task/
COPY sbom/fast.cdx.json /var/task/sbom.cdx.json
CMD ["lambda_function.lambda_handler"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="three-ways-fast" \
      org.opencontainers.image.description="Ride events from Kinesis in, predicted durations out, by ONNX" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# The functions of a join: which of them, the stack's command says.
FROM packages AS join-packages
RUN python3 strip_packages.py /packages join \
 && python3 notices.py /packages > /NOTICES && mv /NOTICES /packages/THIRD_PARTY_NOTICES-packages.txt \
 && chmod -R a+rX /packages

FROM ${BASE} AS join
COPY --from=join-packages /packages /var/task/
COPY --from=code /code /var/task/
COPY sbom/join.cdx.json /var/task/sbom.cdx.json
CMD ["threeways.join.functions.join_events"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="three-ways-join" \
      org.opencontainers.image.description="Verdicts of several consumers from Kinesis in, one decision out" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# What any scikit-learn artifact needs beside [packages].
FROM packages AS sklearn-packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG HTTPS_PROXY
RUN python3 requirements.py Pipfile.lock sklearn > requirements-sklearn.txt \
 && python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
      --require-hashes --no-deps --only-binary=:all: --target /sklearn --requirement requirements-sklearn.txt \
 && python3 strip_packages.py /sklearn \
 && python3 notices.py /sklearn > /NOTICES && mv /NOTICES /sklearn/THIRD_PARTY_NOTICES-sklearn.txt \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /sklearn -p /var/task /sklearn \
 && chmod -R a+rX /sklearn

# The function on the stream, for any artifact.
FROM ${BASE} AS function
COPY --from=packages /packages /var/task/
COPY --from=sklearn-packages /sklearn /var/task/
COPY --from=code /code /var/task/
COPY sbom/function.cdx.json /var/task/sbom.cdx.json
CMD ["lambda_function.lambda_handler"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="three-ways" \
      org.opencontainers.image.description="Ride events from Kinesis in, predicted durations out" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# What a model that takes a DataFrame needs beside them.
FROM packages AS frame-packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG HTTPS_PROXY
RUN python3 requirements.py Pipfile.lock frame sklearn > requirements-frame.txt \
 && python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
      --require-hashes --no-deps --only-binary=:all: --target /frame --requirement requirements-frame.txt \
 && python3 strip_packages.py /frame \
 && python3 notices.py /frame > /NOTICES && mv /NOTICES /frame/THIRD_PARTY_NOTICES-frame.txt \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /frame -p /var/task /frame \
 && chmod -R a+rX /frame

# The function on the stream, for models that take a DataFrame.
FROM ${BASE} AS frame
COPY --from=packages /packages /var/task/
COPY --from=sklearn-packages /sklearn /var/task/
COPY --from=frame-packages /frame /var/task/
COPY --from=code /code /var/task/
COPY sbom/frame.cdx.json /var/task/sbom.cdx.json
CMD ["lambda_function.lambda_handler"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="three-ways-frame" \
      org.opencontainers.image.description="Ride events from Kinesis in, predicted durations out, with pandas" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# The web service: the function's packages and code, and what is the web's alone.
FROM packages AS web-packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG HTTPS_PROXY
RUN python3 requirements.py Pipfile.lock web sklearn > requirements-web.txt \
 && python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
      --require-hashes --no-deps --only-binary=:all: --target /web --requirement requirements-web.txt \
 && python3 strip_packages.py /web \
 && python3 notices.py /web > /NOTICES && mv /NOTICES /web/THIRD_PARTY_NOTICES-web.txt \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /web -p /var/task /web \
 && chmod -R a+rX /web

FROM ${BASE} AS web-code
COPY web_service.py /code/
COPY threeways/web /code/threeways/web/
COPY threeways/systems /code/threeways/systems/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p /var/task /code \
 && chmod -R a+rX /code

FROM ${BASE} AS web
COPY --from=packages /packages /var/task/
COPY --from=sklearn-packages /sklearn /var/task/
COPY --from=web-packages /web /var/task/
COPY --from=code /code /var/task/
COPY --from=web-code /code /var/task/
COPY sbom/web.cdx.json /var/task/sbom.cdx.json
# In a container 127.0.0.1 is the container's own: what may reach it is the network's to say.
ENV WEB_HOST=0.0.0.0 WEB_PORT=8080
EXPOSE 8080
USER 65534
ENTRYPOINT ["python3", "web_service.py"]

# The batch job, on a schedule or by hand.
FROM packages AS batch-packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG HTTPS_PROXY
RUN python3 requirements.py Pipfile.lock batch sklearn frame > requirements-batch.txt \
 && python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
      --require-hashes --no-deps --only-binary=:all: --target /batch --requirement requirements-batch.txt \
 && python3 strip_packages.py /batch \
 && python3 notices.py /batch > /NOTICES && mv /NOTICES /batch/THIRD_PARTY_NOTICES-batch.txt \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /batch -p /var/task /batch \
 && chmod -R a+rX /batch

FROM ${BASE} AS batch-code
COPY threeways/batch /code/threeways/batch/
COPY threeways/monitor /code/threeways/monitor/
COPY threeways/systems /code/threeways/systems/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p /var/task /code \
 && chmod -R a+rX /code

FROM ${BASE} AS batch
COPY --from=packages /packages /var/task/
COPY --from=sklearn-packages /sklearn /var/task/
COPY --from=frame-packages /frame /var/task/
COPY --from=batch-packages /batch /var/task/
COPY --from=code /code /var/task/
COPY --from=batch-code /code /var/task/
COPY sbom/batch.cdx.json /var/task/sbom.cdx.json
# By hand it is not root either. On Lambda it is whichever user Lambda takes; any can read what is here.
USER 65534
CMD ["threeways.batch.scheduled.lambda_handler"]

# What is built where no target is named.
FROM function
