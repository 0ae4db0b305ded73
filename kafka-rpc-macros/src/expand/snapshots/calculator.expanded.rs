/// Arithmetic over Kafka.
pub trait Calculator {
    /// Adds two numbers.
    fn add(
        &self,
        a: i64,
        b: i64,
    ) -> impl ::core::future::Future<Output = i64> + ::core::marker::Send;
    /// Divides one by the other.
    fn divide(
        &self,
        a: i64,
        b: i64,
    ) -> impl ::core::future::Future<
        Output = Result<i64, DivideError>,
    > + ::core::marker::Send;
}
/// The client of [`Calculator`]; made by `Client::attach`.
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct CalculatorClient {
    binding: ::kafka_rpc::__private::v0_1_0::Binding,
}
/// Serves an implementation of [`Calculator`]; given to a `Server`.
pub struct CalculatorServer<S> {
    service: ::kafka_rpc::__private::v0_1_0::Arc<S>,
}
const _: () = {
    enum __Method {
        M0,
        M1,
    }
    const __METHODS: &[::kafka_rpc::__private::v0_1_0::Method] = &[
        ::kafka_rpc::__private::v0_1_0::Method::new("add"),
        ::kafka_rpc::__private::v0_1_0::Method::new("divide")
            .timeout(::core::time::Duration::from_millis(250u64))
            .idempotent(),
    ];
    const __DESCRIPTOR: &::kafka_rpc::__private::v0_1_0::Descriptor = &::kafka_rpc::__private::v0_1_0::Descriptor::new(
        "Calculator",
        0u32,
        ::core::option::Option::None,
        ::core::option::Option::None,
        __METHODS,
    );
    #[automatically_derived]
    impl ::kafka_rpc::__private::v0_1_0::ServiceClient for CalculatorClient {
        const DESCRIPTOR: &'static ::kafka_rpc::__private::v0_1_0::Descriptor = __DESCRIPTOR;
        fn from_binding(__binding: ::kafka_rpc::__private::v0_1_0::Binding) -> Self {
            Self { binding: __binding }
        }
        fn binding(&self) -> &::kafka_rpc::__private::v0_1_0::Binding {
            &self.binding
        }
    }
    impl CalculatorClient {
        /// Adds two numbers.
        pub fn add(
            &self,
            a: i64,
            b: i64,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            i64,
            ::kafka_rpc::__private::v0_1_0::RpcError,
        > {
            let mut __arguments = ::kafka_rpc::__private::v0_1_0::Arguments::named(2u32);
            <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &a,
                "a",
                &mut __arguments,
            );
            <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &b,
                "b",
                &mut __arguments,
            );
            <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::call(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M0 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
        /// Divides one by the other.
        pub fn divide(
            &self,
            a: i64,
            b: i64,
        ) -> ::kafka_rpc::__private::v0_1_0::Call<
            i64,
            ::kafka_rpc::__private::v0_1_0::CallError<DivideError>,
        > {
            let mut __arguments = ::kafka_rpc::__private::v0_1_0::Arguments::named(2u32);
            <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &a,
                "a",
                &mut __arguments,
            );
            <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::encode(
                &b,
                "b",
                &mut __arguments,
            );
            (<i64 as ::kafka_rpc::__private::v0_1_0::WireType>::or::<DivideError>()
                .call)(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M1 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
    }
    impl<S> CalculatorServer<S> {
        /// Serves this implementation.
        pub fn new(__service: S) -> Self {
            Self {
                service: ::kafka_rpc::__private::v0_1_0::Arc::new(__service),
            }
        }
    }
    #[automatically_derived]
    impl<S> ::core::fmt::Debug for CalculatorServer<S> {
        fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            __f.debug_struct("CalculatorServer").finish_non_exhaustive()
        }
    }
    #[automatically_derived]
    impl<
        __S: Calculator + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::kafka_rpc::__private::v0_1_0::Service for CalculatorServer<__S> {
        fn descriptor(&self) -> &'static ::kafka_rpc::__private::v0_1_0::Descriptor {
            __DESCRIPTOR
        }
        fn dispatch(
            &self,
            __index: usize,
            __bytes: ::kafka_rpc::__private::v0_1_0::Bytes,
        ) -> ::kafka_rpc::__private::v0_1_0::Dispatch {
            let __service = ::core::clone::Clone::clone(&self.service);
            ::kafka_rpc::__private::v0_1_0::Box::pin(async move {
                match __index {
                    __index if __index == __Method::M0 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (i64, i64),
                            ::kafka_rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0, __argument_1] = ::kafka_rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["a", "b"],
                            )?;
                            ::core::result::Result::Ok((
                                <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "a",
                                )?,
                                <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_1,
                                    "b",
                                )?,
                            ))
                        }
                        let (__argument_0, __argument_1) = __decode(&__bytes)?;
                        let __answer = <__S as Calculator>::add(
                                &__service,
                                __argument_0,
                                __argument_1,
                            )
                            .await;
                        <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::answer(
                            &__answer,
                        )
                    }
                    __index if __index == __Method::M1 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (i64, i64),
                            ::kafka_rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0, __argument_1] = ::kafka_rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["a", "b"],
                            )?;
                            ::core::result::Result::Ok((
                                <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "a",
                                )?,
                                <i64 as ::kafka_rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_1,
                                    "b",
                                )?,
                            ))
                        }
                        let (__argument_0, __argument_1) = __decode(&__bytes)?;
                        let __answer = <__S as Calculator>::divide(
                                &__service,
                                __argument_0,
                                __argument_1,
                            )
                            .await;
                        (<i64 as ::kafka_rpc::__private::v0_1_0::WireType>::or::<
                            DivideError,
                        >()
                            .answer)(
                            <Result<
                                i64,
                                DivideError,
                            > as ::kafka_rpc::__private::v0_1_0::ResultType>::as_result(
                                &__answer,
                            ),
                        )
                    }
                    _ => {
                        ::core::result::Result::Err(
                            ::kafka_rpc::__private::v0_1_0::Failure::Unimplemented,
                        )
                    }
                }
            })
        }
    }
    #[automatically_derived]
    impl<
        __S: Calculator + ::core::marker::Send + ::core::marker::Sync + 'static,
    > ::kafka_rpc::__private::v0_1_0::ServiceServer for CalculatorServer<__S> {
        type Client = CalculatorClient;
    }
    const _: ::core::option::Option<(CalculatorClient, CalculatorServer<()>)> = ::core::option::Option::None;
};
